#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace opaline::http {

/// Where a server is. "http://host:port/base", "https://…" or "unix:/path/to.sock" (optionally
/// "unix:/path.sock:/base").
struct Endpoint {
  enum class Scheme { http, https, unix_socket } scheme = Scheme::http;
  std::string host;  ///< Without brackets; or the socket's path.
  std::uint16_t port = 80;
  std::string base_path;  ///< "" or "/…", without a trailing slash.

  /// @error invalid_argument: not a URL of these forms; the message quotes it.
  [[nodiscard]] static base::Result<Endpoint> parse(std::string_view url);
  [[nodiscard]] std::string text() const;
  /// For the Host header: the port only when it is not the scheme's own.
  [[nodiscard]] std::string authority() const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

}  // namespace opaline::http
