#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace opaline::services {

/// Who answered.
struct Upstream {
  std::string label;  ///< For people: "the llm service at http://10.0.0.1:9000".
  bool ours = false;  ///< A process of ours: its errors are written for the same caller and keep
                      ///< code and message.
};

/// The error that an HTTP status other than 200 means to our caller.
///   400 413 422      invalid_argument      408 500 502 503 504 …  unavailable
///   401 403 404 405  failed_precondition   429                    resource_exhausted
///   (key, path or model are configured wrong)
/// `detail` has the status and at most 500 bytes of the body; `message` has neither unless the
/// upstream is ours.
[[nodiscard]] base::Error upstream_error(const Upstream& upstream, unsigned status,
                                         std::string_view body);

/// The error of a reply that is not what was asked for: internal, with the reader's reason and an
/// excerpt in `detail`.
[[nodiscard]] base::Error unreadable_reply(const Upstream& upstream, std::string_view expected,
                                           const base::Error& why, std::string_view body);

}  // namespace opaline::services
