#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "http/head.hpp"

namespace opaline::http {

/// Where a body ends.
struct Framing {
  enum class Body {
    none,
    length,  ///< After `length` bytes.
    chunked,
    until_close,  ///< Replies only.
  };
  Body body = Body::none;
  std::uint64_t length = 0;
  bool keep_alive = true;         ///< Another message may follow on the connection.
  bool expects_continue = false;  ///< The client waits for "100 Continue" before it sends the body.

  friend bool operator==(const Framing&, const Framing&) = default;
};

/// "host:port" of a target in absolute form ("http://host:port/path"); nothing for another form.
[[nodiscard]] std::optional<std::string_view> target_authority(std::string_view target);

/// Decides where a request's body ends, or refuses the request where two readers could decide
/// differently: that is how requests are smuggled. Pure. What it accepts has one Host (HTTP/1.1),
/// at most one Content-Length of plain digits, or one "Transfer-Encoding: chunked", never both, and
/// a target that fits its method.
/// @return a refusal of 400, 405 or 417; the connection must then be closed.
[[nodiscard]] std::expected<Framing, Refusal> request_framing(const RequestHead& head);

/// The same for a reply to a request of that method.
[[nodiscard]] std::expected<Framing, Refusal> response_framing(const ResponseHead& head,
                                                               std::string_view method);

}  // namespace opaline::http
