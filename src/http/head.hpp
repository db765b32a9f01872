#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "http/message.hpp"

namespace opaline::http {

/// Why a request is turned away before any handler sees it.
struct Refusal {
  unsigned status = 400;
  base::Error error;
};

[[nodiscard]] std::unexpected<Refusal> refuse(unsigned status, std::string message);

/// The head of a request as it came: tokens cut apart, nothing decoded and nothing judged (see
/// framing_guard).
struct RequestHead {
  std::string method;
  std::string target;
  int minor_version = 1;  ///< HTTP/1.x
  Headers headers;        ///< Values without the space around them.
};

struct ResponseHead {
  unsigned status = 0;
  int minor_version = 1;
  Headers headers;
};

/// Finds the end of a message head in bytes that arrive in pieces, looking at each byte once. Line
/// ends are CR LF and nothing else; the limits on lines, count and size hold before the head is
/// whole.
class HeadScanner {
 public:
  enum class Kind { request, response };
  explicit HeadScanner(Kind kind) : kind_(kind) {}

  /// @param input all bytes from the head's first on, those of earlier calls included.
  /// @return the head's length with its empty line; nothing when more bytes are needed.
  [[nodiscard]] std::expected<std::optional<std::size_t>, Refusal> scan(std::string_view input);

 private:
  Kind kind_;
  std::size_t line_ = 0;  // Where the line being looked at starts.
  std::size_t scanned_ = 0;
  std::size_t lines_ = 0;
};

/// Reads a whole head, as HeadScanner found it. Refuses what RFC 9112 allows only to be tolerated:
/// folded lines, space before the colon, bare CR, control bytes.
[[nodiscard]] std::expected<RequestHead, Refusal> parse_request_head(std::string_view head);
[[nodiscard]] std::expected<ResponseHead, Refusal> parse_response_head(std::string_view head);

}  // namespace opaline::http
