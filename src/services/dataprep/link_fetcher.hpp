#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/context.hpp"
#include "base/limits.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

namespace opaline::http {
class Client;
}

namespace opaline::services::dataprep {

struct LinkSettings {
  /// Whether links may lead to this machine and to private networks. Off: a link from outside must
  /// not read what is inside.
  enum class PrivateNetworks { refuse, allow } private_networks = PrivateNetworks::refuse;
  std::size_t bytes_max = limits::kDocumentBytes;
  std::chrono::seconds time = std::chrono::seconds(60);
  int redirects_max = 5;
};

struct FetchedLink {
  std::string bytes;
  std::string mime;
};

/// Whether an address is one that the public may reach: not loopback, private, link-local, shared,
/// multicast, reserved, nor an IPv6 form of such a one (mapped, NAT64, 6to4, Teredo).
[[nodiscard]] bool is_public(const boost::asio::ip::address& address);

/// Reads documents from http(s) links for the server, and guards the network it stands in (SSRF):
/// names are resolved first and every address must be public; http then connects to the very
/// address that was checked, https to the name, whose certificate an inner server cannot present.
/// Each redirect is checked anew. Any event loop; must outlive its calls.
class LinkFetcher {
 public:
  LinkFetcher(LinkSettings settings, http::Client& client) : settings_(settings), client_(client) {}

  /// @error invalid_argument: not an http(s) URL, the answer is too large, or says the page cannot
  /// be had (404 …); permission_denied: it leads to a private address; unavailable: no answer, or
  /// one of 429 and 5xx; deadline_exceeded; cancelled.
  base::Task<base::Result<FetchedLink>> fetch(std::string url, base::Context context) const;

 private:
  struct Step;
  base::Task<base::Result<Step>> request(std::string url, base::Context context) const;

  LinkSettings settings_;
  http::Client& client_;
};

/// Whether `url` could be fetched at all, without a look at the network. @error invalid_argument.
[[nodiscard]] base::Result<void> check_link(std::string_view url);

}  // namespace opaline::services::dataprep
