#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace opaline::flow {

/// Where a remote service is: "http://host:8081" or "unix:/run/x.sock", and the path of the
/// request, if it was said.
struct ServiceAddress {
  std::string origin;
  std::string path;  ///< Empty or "/…".

  friend bool operator==(const ServiceAddress&, const ServiceAddress&) = default;
};

/// Whether `text` means to be an address rather than a path: "http://…", "unix:…".
[[nodiscard]] bool is_url(std::string_view text);
/// Splits "http[s]://host[:port][/path]" or "unix:/absolute/path". @return otherwise what is wrong,
/// for a message; never the text itself, which may hold a password.
[[nodiscard]] std::expected<ServiceAddress, std::string> split_url(std::string_view text);

/// Whether `text` may be the path of an endpoint: "/v1/embeddings".
[[nodiscard]] bool is_endpoint_path(std::string_view text);
/// The IP address that a host on this machine listens on, "127.0.0.1" for "localhost"; empty for
/// any other host.
[[nodiscard]] std::string local_address(std::string_view host);
/// Whether `text` is an IP address of any machine.
[[nodiscard]] bool is_ip_address(std::string_view text);

}  // namespace opaline::flow
