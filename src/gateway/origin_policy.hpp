#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "http/message.hpp"

namespace opaline::gateway {

/// Which web pages may talk to us: our own, and those of the listed origins. Clients that are no
/// browsers send no Origin and are none of its business. Immutable: any thread.
///
/// CORS alone does not stop a foreign page from *sending* (a form post needs no permission), only
/// from reading the reply; so a request that names a foreign origin is refused, and one by a host
/// name that is not ours as well (DNS rebinding).
class OriginPolicy {
 public:
  OriginPolicy(std::vector<std::string> origins, std::vector<std::string> hosts);

  /// @error permission_denied.
  [[nodiscard]] base::Result<void> check(const http::Request& request) const;
  /// The reply to OPTIONS: 204 with Allow, and leave to go on for a listed origin.
  [[nodiscard]] http::Response preflight(const http::Request& request,
                                         const std::string& allow) const;
  /// Lets a page of a listed `origin` read `reply`; "" is no page.
  void permit(std::string_view origin, http::Response& reply) const;

 private:
  [[nodiscard]] bool listed(std::string_view origin) const;

  std::vector<std::string> origins_;
  std::vector<std::string> hosts_;
  bool all_ = false;
};

}  // namespace opaline::gateway
