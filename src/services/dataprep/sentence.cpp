#include "services/dataprep/sentence.hpp"

#include <algorithm>
#include <array>

namespace opaline::services::dataprep {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_upper(c) || (c >= 'a' && c <= 'z'); }

std::size_t past_space(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

/// Whether the word before the full stop at `stop` is one that carries it.
bool is_abbreviation(std::string_view text, std::size_t stop) {
  std::size_t begin = stop;
  while (begin > 0 && stop - begin < 12 && (is_letter(text[begin - 1]) || text[begin - 1] == '.'))
    --begin;
  const std::string_view word = text.substr(begin, stop - begin);
  if (word.size() == 1 && is_upper(word.front())) return true;  // An initial.
  constexpr std::array<std::string_view, 25> kWords = {
      "e.g", "i.e", "Mr",  "Mrs", "Ms", "Dr", "Prof",   "St",  "vs",  "cf", "No", "Fig", "fig",
      "Eq",  "Sec", "sec", "Vol", "pp", "ca", "approx", "Inc", "Ltd", "Jr", "al", "Art"};
  return std::ranges::find(kWords, word) != kWords.end();
}

/// Length of the closing quotes and brackets at `at`.
std::size_t closers(std::string_view text, std::size_t at) {
  const std::size_t begin = at;
  while (at < text.size()) {
    if (text[at] == '"' || text[at] == '\'' || text[at] == ')' || text[at] == ']') {
      ++at;
    } else if (text.substr(at).starts_with("”") || text.substr(at).starts_with("’")) {
      at += 3;
    } else if (text.substr(at).starts_with("»")) {
      at += 2;
    } else {
      break;
    }
  }
  return at - begin;
}

bool may_begin_sentence(char c) {
  return is_upper(c) || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80 ||
         c == '"' || c == '\'' || c == '(' || c == '[' || c == '*' || c == '-' || c == '<' ||
         c == '`';
}

}  // namespace

std::size_t first_sentence(std::string_view text, LineEnds lines) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n' && lines == LineEnds::final) return past_space(text, at);
    if (c == '.' || c == '!' || c == '?') {
      const std::size_t end = at + 1 + closers(text, at + 1);
      if (end < text.size() && !is_space(text[end])) continue;
      const std::size_t next = past_space(text, end);
      if (next == text.size()) return next;
      if (!may_begin_sentence(text[next]) || (c == '.' && is_abbreviation(text, at))) continue;
      return next;
    }
    // The full stops of Chinese and Japanese need no space after them.
    if (c == '\xE3' && text.substr(at).starts_with("。")) return past_space(text, at + 3);
    if (c == '\xEF' && (text.substr(at).starts_with("！") || text.substr(at).starts_with("？"))) {
      return past_space(text, at + 3);
    }
  }
  return text.size();
}

}  // namespace opaline::services::dataprep
