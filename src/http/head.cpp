#include "http/head.hpp"

#include <algorithm>
#include <cstring>

#include "base/limits.hpp"
#include "http/grammar.hpp"

namespace opaline::http {
namespace {

/// Takes the next line off `rest`, without its CR LF.
std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find("\r\n");
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 2);
  return line;
}

/// "HTTP/1.1" or "HTTP/1.0"; 505 for another version, 400 for what is none.
std::expected<int, Refusal> parse_version(std::string_view text) {
  if (text == "HTTP/1.1") return 1;
  if (text == "HTTP/1.0") return 0;
  if (text.size() == 8 && text.starts_with("HTTP/") && is_digits(text.substr(5, 1)) &&
      text[6] == '.' && is_digits(text.substr(7))) {
    return refuse(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
  }
  return refuse(400, "The request line is not 'METHOD target HTTP/1.1'.");
}

std::expected<void, Refusal> parse_fields(std::string_view rest, Headers& headers) {
  for (;;) {
    const auto line = take_line(rest);
    if (line.empty()) return {};
    const auto colon = line.find(':');
    if (colon == line.npos) return refuse(400, "A header line has no colon.");
    const auto name = line.substr(0, colon);
    // This also catches folded lines and space before the colon.
    if (!is_token(name)) return refuse(400, "A header name has characters that no name may have.");
    const auto value = trim(line.substr(colon + 1));
    if (!is_field_value(value)) return refuse(400, "A header value has control characters.");
    headers.add(std::string(name), std::string(value));
  }
}

}  // namespace

std::unexpected<Refusal> refuse(unsigned status, std::string message) {
  auto code = base::ErrorCode::invalid_argument;
  if (status == 408) code = base::ErrorCode::deadline_exceeded;
  if (status == 503) code = base::ErrorCode::resource_exhausted;
  return std::unexpected(Refusal{status, base::Error{code, std::move(message), {}}});
}

std::expected<std::optional<std::size_t>, Refusal> HeadScanner::scan(std::string_view input) {
  // A peer that does not speak HTTP at all (TLS, HTTP/2, line noise) is told so at its first byte.
  if (scanned_ == 0 && !input.empty() && !is_token(input.substr(0, 1))) {
    return refuse(400, "This is not an HTTP/1.1 message.");
  }
  for (;;) {
    const auto end = input.find('\n', scanned_);
    const std::size_t line_bytes = (end == input.npos ? input.size() : end) - line_;
    if (kind_ == Kind::request && lines_ == 0 && line_bytes > limits::kTargetBytes + 64) {
      return refuse(414, "The request target is too long.");
    }
    if ((end == input.npos ? input.size() : end + 1) > limits::kHeaderBytes) {
      return refuse(431, "The header is too large.");
    }
    if (end == input.npos) {
      scanned_ = input.size();
      return std::nullopt;
    }
    if (end == line_ || input[end - 1] != '\r') {
      return refuse(400, "A header line does not end in CR LF.");
    }
    scanned_ = end + 1;
    if (end == line_ + 1) return scanned_;
    if (lines_++ == 0 && kind_ == Kind::request) {
      // Known at once: a client of another protocol need not wait for an empty line that never
      // comes.
      const auto line = input.substr(line_, end - 1 - line_);
      if (auto version = parse_version(line.substr(line.rfind(' ') + 1)); !version) {
        return std::unexpected(std::move(version).error());
      }
    }
    if (lines_ > limits::kHeaderCount + 1) return refuse(431, "There are too many header fields.");
    line_ = scanned_;
  }
}

std::expected<RequestHead, Refusal> parse_request_head(std::string_view head) {
  const auto line = take_line(head);
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == line.npos || first == last) {
    return refuse(400, "The request line is not 'METHOD target HTTP/1.1'.");
  }
  RequestHead parsed;
  parsed.method = line.substr(0, first);
  parsed.target = line.substr(first + 1, last - first - 1);
  auto version = parse_version(line.substr(last + 1));
  if (!version) return std::unexpected(std::move(version).error());
  parsed.minor_version = *version;
  if (!is_token(parsed.method)) return refuse(400, "The method is not a token.");
  if (parsed.target.empty() || !std::ranges::all_of(parsed.target, [](char c) {
        return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
      })) {
    return refuse(400, "The request target has characters that must be percent-encoded.");
  }
  if (auto fields = parse_fields(head, parsed.headers); !fields) {
    return std::unexpected(std::move(fields).error());
  }
  return parsed;
}

std::expected<ResponseHead, Refusal> parse_response_head(std::string_view head) {
  const auto line = take_line(head);
  ResponseHead parsed;
  auto version = parse_version(line.substr(0, 8));
  if (!version) return std::unexpected(std::move(version).error());
  parsed.minor_version = *version;
  const auto code = line.size() < 12 ? std::string_view() : line.substr(9, 3);
  if (!is_digits(code) || line[8] != ' ' || code[0] < '1' || code[0] > '5' ||
      (line.size() > 12 && line[12] != ' ') || !is_field_value(line)) {
    return refuse(400, "The status line is not 'HTTP/1.1 code reason'.");
  }
  for (const char digit : code)
    parsed.status = parsed.status * 10 + static_cast<unsigned>(digit - '0');
  if (auto fields = parse_fields(head, parsed.headers); !fields) {
    return std::unexpected(std::move(fields).error());
  }
  return parsed;
}

}  // namespace opaline::http
