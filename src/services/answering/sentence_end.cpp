#include "services/answering/sentence_end.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace opaline::services {
namespace {

constexpr std::array<std::string_view, 16> kAbbreviations = {
    "e.g", "i.e", "etc", "vs",  "cf",  "mr", "mrs",    "dr",
    "st",  "no",  "fig", "sec", "vol", "al", "approx", "resp"};

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_terminator(char c) { return c == '.' || c == '!' || c == '?'; }

bool abbreviated(std::string_view before) {
  const std::size_t start = before.find_last_of(" \n\t(");
  std::string_view word = start == std::string_view::npos ? before : before.substr(start + 1);
  if (word.size() == 1 && (is_lower(word.front()) || is_upper(word.front()))) return true;
  std::string lower(word);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; });
  return std::ranges::find(kAbbreviations, std::string_view(lower)) != kAbbreviations.end();
}

/// After the terminator at `at`: the end of the closing quotes and brackets that belong to it.
std::size_t after_closers(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  for (;;) {
    const std::string_view rest = text.substr(end);
    if (rest.starts_with("\u201d") || rest.starts_with("\u2019"))
      end += 3;
    else if (rest.starts_with('"') || rest.starts_with('\'') || rest.starts_with(')'))
      end += 1;
    else
      return end;
  }
}

}  // namespace

std::optional<std::size_t> find_sentence_end(std::string_view text, std::size_t at) {
  if (!is_terminator(text[at])) return std::nullopt;
  const std::size_t end = after_closers(text, at);
  if (end < text.size() && !is_space(text[end])) return std::nullopt;
  std::size_t next = end;
  while (next < text.size() && is_space(text[next])) ++next;
  if (next < text.size() && is_lower(text[next])) return std::nullopt;
  if (text[at] == '.' && next < text.size() && abbreviated(text.substr(0, at))) return std::nullopt;
  return end;
}

bool ends_sentence(std::string_view line) {
  std::size_t at = line.size();
  while (at > 0 && !is_terminator(line[at - 1])) --at;
  if (at == 0 || after_closers(line, at - 1) != line.size()) return false;
  // A command with a question in quotes.
  if (is_lower(line.front()) && line.ends_with('"')) return false;
  return !std::string_view(" \t#*;<>{}[]`$|+\\").contains(line.front()) &&
         !line.starts_with("//") && !line.starts_with("/*") && !line.starts_with("-- ");
}

std::size_t sentence_end(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\n' && at > 0) return at;
    const auto end = find_sentence_end(text, at);
    if (end && *end < text.size() && text.find_first_not_of(" \t", *end) != std::string_view::npos)
      return *end;
  }
  return 0;
}

}  // namespace opaline::services
