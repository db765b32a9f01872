#include "http/framing_guard.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "http/grammar.hpp"

namespace opaline::http {
namespace {

constexpr std::size_t kMethodBytes = 24;

/// The fields that decide about framing, routing or rights: two of one name mean that the sender
/// and a proxy before us may have believed different ones.
constexpr std::array<std::string_view, 6> kSingleFields = {
    "host", "content-length", "transfer-encoding", "authorization", "content-type", "expect"};

std::expected<void, Refusal> check_single_fields(const Headers& headers) {
  std::array<bool, kSingleFields.size()> seen{};
  for (const auto& [name, value] : headers.fields()) {
    for (std::size_t i = 0; i < kSingleFields.size(); ++i) {
      if (!equals_ignoring_case(name, kSingleFields[i])) continue;
      if (seen[i])
        return refuse(400, "The header " + std::string(kSingleFields[i]) + " is given twice.");
      seen[i] = true;
    }
  }
  return {};
}

/// Plain digits without a leading zero, below 2^63.
std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (!is_digits(text) || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::int64_t length = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), length).ec != std::errc())
    return std::nullopt;
  return static_cast<std::uint64_t>(length);
}

/// Content-Length and Transfer-Encoding, for both directions. `framing.body` stays as it is when
/// there is neither.
std::expected<void, Refusal> read_body_framing(const Headers& headers, int minor_version,
                                               Framing& framing) {
  const auto length = headers.find("content-length");
  const auto coding = headers.find("transfer-encoding");
  if (coding) {
    if (length) return refuse(400, "Content-Length and Transfer-Encoding exclude one another.");
    if (minor_version == 0) return refuse(400, "HTTP/1.0 has no Transfer-Encoding.");
    if (!equals_ignoring_case(*coding, "chunked")) {
      return refuse(400, "The only Transfer-Encoding accepted is 'chunked'.");
    }
    framing.body = Framing::Body::chunked;
  } else if (length) {
    const auto bytes = parse_length(*length);
    if (!bytes) return refuse(400, "Content-Length is not a number of bytes.");
    framing.body = *bytes == 0 ? Framing::Body::none : Framing::Body::length;
    framing.length = *bytes;
  }
  return {};
}

bool read_keep_alive(const Headers& headers, int minor_version) {
  bool keep_alive = minor_version == 1;
  for (const auto& [name, value] : headers.fields()) {
    if (!equals_ignoring_case(name, "connection")) continue;
    if (list_has(value, "close")) return false;
    if (minor_version == 0 && list_has(value, "keep-alive")) keep_alive = true;
  }
  return keep_alive;
}

std::expected<void, Refusal> check_method(std::string_view method) {
  if (method.size() > kMethodBytes || !std::ranges::all_of(method, [](char c) {
        return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
      })) {
    return refuse(400, "The method is not one of HTTP's.");
  }
  if (method == "CONNECT" || method == "TRACE")
    return refuse(405, "This method is not served here.");
  return {};
}

/// The origin form ("/path"), "*" for OPTIONS alone, or the absolute form when it names the same
/// host as Host does.
std::expected<void, Refusal> check_target(std::string_view method, std::string_view target,
                                          std::string_view host) {
  if (target.starts_with('/')) return {};
  if (target == "*") {
    if (method == "OPTIONS") return {};
    return refuse(400, "The target '*' goes with OPTIONS only.");
  }
  const auto authority = target_authority(target);
  if (!authority) return refuse(400, "The request target does not start with '/'.");
  if (!is_host(*authority) || !equals_ignoring_case(*authority, host)) {
    return refuse(400, "The request target names another host than the Host header.");
  }
  return {};
}

}  // namespace

std::optional<std::string_view> target_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    return target.substr(0, target.find_first_of("/?"));
  }
  return std::nullopt;
}

std::expected<Framing, Refusal> request_framing(const RequestHead& head) {
  if (auto checked = check_single_fields(head.headers); !checked)
    return std::unexpected(checked.error());
  Framing framing;
  if (auto read = read_body_framing(head.headers, head.minor_version, framing); !read) {
    return std::unexpected(read.error());
  }
  if (auto checked = check_method(head.method); !checked) return std::unexpected(checked.error());

  const auto host = head.headers.find("host");
  if (!host && head.minor_version == 1) return refuse(400, "The Host header is missing.");
  if (host && !is_host(*host)) return refuse(400, "The Host header is not a host.");
  if (auto checked = check_target(head.method, head.target, host.value_or("")); !checked) {
    return std::unexpected(checked.error());
  }

  // HTTP/1.0 does not know the expectation; there it is to be ignored.
  if (const auto expect = head.headers.find("expect"); expect && head.minor_version == 1) {
    if (!equals_ignoring_case(*expect, "100-continue")) {
      return refuse(417, "The only expectation served is '100-continue'.");
    }
    framing.expects_continue = framing.body != Framing::Body::none;
  }
  framing.keep_alive = read_keep_alive(head.headers, head.minor_version);
  return framing;
}

std::expected<Framing, Refusal> response_framing(const ResponseHead& head,
                                                 std::string_view method) {
  if (auto checked = check_single_fields(head.headers); !checked)
    return std::unexpected(checked.error());
  Framing framing;
  framing.body = Framing::Body::until_close;
  if (auto read = read_body_framing(head.headers, head.minor_version, framing); !read) {
    return std::unexpected(read.error());
  }
  if (method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304) {
    framing.body = Framing::Body::none;
    framing.length = 0;
  }
  framing.keep_alive = framing.body != Framing::Body::until_close &&
                       read_keep_alive(head.headers, head.minor_version);
  return framing;
}

}  // namespace opaline::http
