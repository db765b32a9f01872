#include "services/answering/sentences.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/words.hpp"

namespace opaline::services {
namespace {

constexpr std::size_t kLabelWords = 12;
// A shorter line was not wrapped: it ends where its writer ended it.
constexpr std::size_t kWrappedLineBytes = 50;

constexpr std::array<std::string_view, 16> kAbbreviations = {
    "e.g", "i.e", "etc", "vs",  "cf",  "mr", "mrs",    "dr",
    "st",  "no",  "fig", "sec", "vol", "al", "approx", "resp"};

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_alnum(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

Range trimmed(std::string_view text, Range range) {
  while (range.begin < range.end && is_space(text[range.begin])) ++range.begin;
  while (range.end > range.begin && is_space(text[range.end - 1])) --range.end;
  return range;
}

bool abbreviated(std::string_view before) {
  const std::size_t start = before.find_last_of(" \n\t(");
  std::string_view word = start == std::string_view::npos ? before : before.substr(start + 1);
  if (word.size() == 1 && is_alnum(word.front()) && !(word.front() >= '0' && word.front() <= '9'))
    return true;
  std::string lower(word);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
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

/// Where the sentence ends whose terminator may stand at `at`.
std::optional<std::size_t> end_at(std::string_view text, std::size_t at) {
  if (text[at] != '.' && text[at] != '!' && text[at] != '?') return std::nullopt;
  const std::size_t end = after_closers(text, at);
  if (end < text.size() && !is_space(text[end])) return std::nullopt;
  std::size_t next = end;
  while (next < text.size() && is_space(text[next])) ++next;
  if (next < text.size() && is_lower(text[next])) return std::nullopt;
  if (text[at] == '.' && next < text.size() && abbreviated(text.substr(0, at))) return std::nullopt;
  return end;
}

bool is_row(std::string_view line) { return line.contains(" | "); }
bool is_item(std::string_view line) {
  return line.starts_with("- ") || line.starts_with("* ") || line.starts_with("\u2022");
}

bool is_label(std::string_view block) {
  if (is_row(block) || is_item(block) || block.contains('\n')) return false;
  if (block.ends_with('.') || block.ends_with('!') || block.ends_with('?') || block.ends_with(';'))
    return false;
  const std::size_t count = base::words(block).size();
  return count > 0 && count <= kLabelWords;
}

/// Whether the line that ends at the break goes on in the next one.
bool wraps(std::string_view line, std::string_view next) {
  if (line.size() < kWrappedLineBytes || is_row(line) || is_row(next) || is_item(next))
    return false;
  return !next.empty() && !is_space(next.front()) && !line.ends_with(':');
}

std::string_view line_at(std::string_view text, std::size_t begin) {
  return text.substr(begin, std::min(text.find('\n', begin), text.size()) - begin);
}

/// Lines that belong together: one, or several of wrapped prose.
std::vector<Range> blocks(std::string_view text) {
  std::vector<Range> found;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::string_view line = line_at(text, begin);
    std::size_t end = begin + line.size();
    while (end + 1 < text.size() && wraps(line, line_at(text, end + 1))) {
      line = line_at(text, end + 1);
      end += 1 + line.size();
    }
    const Range block = trimmed(text, {begin, end});
    if (!block.empty()) found.push_back(block);
    begin = end + 1;
  }
  return found;
}

}  // namespace

std::vector<Sentence> sentences(std::string_view passage) {
  std::vector<Sentence> found;
  Range label;
  for (const Range block : blocks(passage)) {
    const std::string_view text = block.of(passage);
    const std::size_t before = found.size();
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
      const auto end = at + 1 == text.size() ? text.size() : end_at(text, at);
      if (!end || *end < begin) continue;
      const Range range = trimmed(passage, {block.begin + begin, block.begin + *end});
      if (!range.empty())
        found.push_back({.range = range, .label = label, .paragraph = {block.begin, range.end}});
      begin = *end;
    }
    if (found.size() == before + 1 && is_label(text)) label = block;
  }
  return found;
}

std::size_t sentence_end(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\n' && at > 0) return at;
    const auto end = end_at(text, at);
    if (end && *end < text.size() && text.find_first_not_of(" \t", *end) != std::string_view::npos)
      return *end;
  }
  return 0;
}

}  // namespace opaline::services
