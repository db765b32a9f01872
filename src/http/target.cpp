#include "http/target.hpp"

#include <algorithm>
#include <optional>

#include "base/utf8.hpp"
#include "http/framing_guard.hpp"
#include "http/grammar.hpp"

namespace opaline::http {
namespace {

enum class Plus { is_plus, is_space };

/// Nothing for a "%" without two hex digits behind it and for what is not UTF-8 afterwards.
std::optional<std::string> decode(std::string_view text, Plus plus) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += text[i] == '+' && plus == Plus::is_space ? ' ' : text[i];
    }
  }
  if (!base::is_utf8(decoded)) return std::nullopt;
  return decoded;
}

/// A segment that a file system or another server may read as "here" or "up".
bool is_dots(std::string_view segment) {
  segment = segment.substr(0, segment.find(';'));
  return segment == "." || segment == "..";
}

std::expected<void, Refusal> check_path(std::string_view path) {
  if (std::ranges::any_of(
          path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return refuse(400, "The path has control characters.");
  }
  path.remove_prefix(1);
  while (true) {
    const auto end = path.find_first_of("/\\");
    const auto segment = path.substr(0, end);
    if (is_dots(segment)) return refuse(400, "The path has a '.' or '..' segment.");
    if (end == path.npos) return {};
    if (segment.empty()) return refuse(400, "The path has an empty segment.");
    path.remove_prefix(end + 1);
  }
}

}  // namespace

std::expected<Target, Refusal> parse_target(std::string_view target) {
  if (target.find('#') != target.npos) return refuse(400, "The request target has a fragment.");
  if (const auto authority = target_authority(target)) {
    target.remove_prefix(
        static_cast<std::size_t>(authority->data() + authority->size() - target.data()));
  }
  const auto mark = target.find('?');
  auto raw_path = target.substr(0, mark);
  // "OPTIONS *" and "http://host" speak of the server as a whole.
  if (raw_path.empty() || raw_path == "*") raw_path = "/";

  Target parsed;
  auto path = decode(raw_path, Plus::is_plus);
  if (!path) return refuse(400, "The path is not percent-encoded UTF-8.");
  parsed.path = *std::move(path);
  if (auto checked = check_path(parsed.path); !checked) return std::unexpected(checked.error());
  if (mark == target.npos) return parsed;

  auto rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = decode(pair.substr(0, equals), Plus::is_space);
    auto value = decode(pair.substr(std::min(equals + 1, pair.size())), Plus::is_space);
    if (!name || !value) return refuse(400, "The query is not percent-encoded UTF-8.");
    parsed.query.emplace_back(*std::move(name), *std::move(value));
  }
  return parsed;
}

}  // namespace opaline::http
