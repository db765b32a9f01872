#include "flow/dialects/gmc_condition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "flow/dialects/tree.hpp"
#include "flow/mistakes.hpp"

namespace opaline::flow {
namespace {

constexpr std::string_view kReadable =
    "; what is read of gjson's paths is a.b, list.0.a, list.# and list.#(key==\"text\")";

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 9 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// What stands in an expression for a value of a query: `45`, `true`, `"text"`.
std::string literal(std::string_view text) {
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"')) {
    return literal_text(text.substr(1, text.size() - 2));
  }
  if (is_number(text) && (text == "0" || text[0] != '0')) return std::string(text);
  if (text == "true" || text == "false" || text == "null") return std::string(text);
  return literal_text(text);
}

/// "a.b\.c.#(d.e)" at its dots: those in brackets and after a backslash are none.
std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '\\' && i + 1 < path.size()) {
      parts.back() += path[++i];
    } else if (c == '.' && depth == 0) {
      parts.emplace_back();
    } else {
      if (c == '(') ++depth;
      if (c == ')') --depth;
      parts.back() += c;
    }
  }
  return parts;
}

std::expected<std::string, std::string> query(std::string_view part, const std::string& list) {
  const bool whole = part.starts_with("#(") && part.ends_with(')');
  const std::string_view inside = whole ? part.substr(2, part.size() - 3) : std::string_view();
  const std::size_t equals = inside.find("==");
  const std::string_view key = trimmed(inside.substr(0, std::min(equals, inside.size())));
  if (equals == std::string_view::npos || key.empty() ||
      key.find_first_of("<>!%~#*?@|.()") != std::string_view::npos) {
    return std::unexpected(in_quotes(part) + " is no query that can be expressed" +
                           std::string(kReadable));
  }
  const std::string_view value = trimmed(inside.substr(equals + 2));
  return fmt::format("contains(pluck({}, {}), {})", list, literal_text(key), literal(value));
}

}  // namespace

std::optional<GmcEquality> gmc_equality(std::string_view condition) {
  if (condition.find_first_of(".#") != std::string_view::npos) return {};
  const std::size_t equals = condition.find("==");
  if (equals == std::string_view::npos) return {};
  return GmcEquality{.key = std::string(trimmed(condition.substr(0, equals))),
                     .value = std::string(trimmed(condition.substr(equals + 2)))};
}

std::string equality_expression(const GmcEquality& equality, std::string_view value) {
  const std::string member = member_of(value, equality.key);
  const std::string& text = equality.value;
  const bool maybe_no_text = text.empty() || text == "true" || text == "false" ||
                             text.find_first_not_of("0123456789.-+eE") == std::string::npos;
  return maybe_no_text ? fmt::format("string({}) == {}", member, literal_text(text))
                       : fmt::format("{} == {}", member, literal_text(text));
}

std::expected<std::string, std::string> presence_expression(std::string_view path,
                                                            std::string_view value) {
  std::string at(value);
  const std::vector<std::string> parts = parts_of(trimmed(path));
  for (const std::string& part : parts) {
    const bool last = &part == &parts.back();
    if (part.starts_with('#')) {
      if (!last) {
        return std::unexpected("nothing can follow " + in_quotes(part) + std::string(kReadable));
      }
      if (part == "#") return at + " != null";
      return query(part, at);
    }
    if (part.empty() || part.find_first_of("*?|@!{}[]()\"") != std::string::npos) {
      return std::unexpected(in_quotes(part) + " cannot be expressed" + std::string(kReadable));
    }
    at = is_number(part) ? at + "[" + part + "]" : member_of(at, part);
  }
  return at + " != null";
}

}  // namespace opaline::flow
