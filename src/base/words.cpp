#include "base/words.hpp"

#include <algorithm>
#include <array>

namespace opaline::base {
namespace {

// Sorted, for binary search.
constexpr auto kStopWords = std::to_array<std::string_view>(
    {"a",     "about", "after", "all",   "also",  "am",   "an",     "and",   "any",   "are",
     "as",    "at",    "be",    "been",  "but",   "by",   "can",    "could", "did",   "do",
     "does",  "for",   "from",  "get",   "had",   "has",  "have",   "he",    "her",   "his",
     "how",   "i",     "if",    "in",    "into",  "is",   "it",     "its",   "may",   "me",
     "more",  "most",  "my",    "no",    "not",   "of",   "on",     "one",   "only",  "or",
     "other", "our",   "out",   "over",  "shall", "she",  "should", "so",    "some",  "such",
     "tell",  "than",  "that",  "the",   "their", "them", "then",   "there", "these", "they",
     "this",  "those", "to",    "under", "up",    "us",   "was",    "we",    "were",  "what",
     "when",  "where", "which", "while", "who",   "whom", "whose",  "why",   "will",  "with",
     "would", "you",   "your"});
static_assert(std::ranges::is_sorted(kStopWords));

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }
bool is_vowel(char c) { return std::string_view("aeiouy").contains(c); }

// General punctuation (U+2000 … U+206F: quotes, dashes, ellipsis) is E2 80 xx or E2 81 xx; U+00A0
// is C2 A0.
std::size_t punctuation(std::string_view text) {
  if (text.starts_with("\xE2\x80") || text.starts_with("\xE2\x81"))
    return std::min<std::size_t>(3, text.size());
  return text.starts_with("\xC2\xA0") ? 2 : 0;
}

/// Bytes of the next piece of a word at the start of `text`, 0 when there is none.
std::size_t word_piece(std::string_view text) {
  if (text.empty()) return 0;
  if (is_letter(text.front()) || is_digit(text.front())) return 1;
  const bool above_ascii = (text.front() & 0x80) != 0;
  return above_ascii && punctuation(text) == 0 ? 1 : 0;
}

bool joins(std::string_view text, std::size_t at) {
  if (at == 0 || at + 1 >= text.size()) return false;
  const char before = text[at - 1];
  const char after = text[at + 1];
  if (text[at] == '_') {
    const std::size_t next = text.find_first_not_of('_', at);
    return next != text.npos && word_piece(text.substr(next)) > 0;
  }
  return (text[at] == '.' || text[at] == ',') && is_digit(before) && is_digit(after);
}

bool drop_suffix(std::string& word, std::string_view suffix, std::size_t rest) {
  if (!word.ends_with(suffix) || word.size() < suffix.size() + rest) return false;
  word.resize(word.size() - suffix.size());
  return true;
}

bool has_vowel(std::string_view word) { return std::ranges::any_of(word, is_vowel); }

// After "-ing" or "-ed": "setting" → "sett" → "set"; "stored" → "stor" meets "store" → "stor".
void undouble(std::string& word) {
  const std::size_t n = word.size();
  if (n > 3 && word[n - 1] == word[n - 2] && !is_vowel(word[n - 1]) &&
      !std::string_view("lsz").contains(word[n - 1])) {
    word.pop_back();
  }
}

}  // namespace

std::vector<Word> words(std::string_view text) {
  std::vector<Word> found;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t size = word_piece(text.substr(at));
    if (size == 0) {
      at += std::max<std::size_t>(1, punctuation(text.substr(at)));
      continue;
    }
    const std::size_t begin = at;
    while (size > 0) {
      at += size;
      size = word_piece(text.substr(at));
      if (size == 0 && at < text.size() && joins(text, at)) size = 1;
    }
    found.push_back({.text = text.substr(begin, at - begin), .begin = begin});
  }
  return found;
}

bool is_stop_word(std::string_view word) {
  std::string folded(word);
  std::ranges::transform(folded, folded.begin(), lower);
  return std::ranges::binary_search(kStopWords, std::string_view(folded));
}

std::string word_stem(std::string_view word) {
  std::string stem;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] != ',') stem += lower(word[i]);
  }
  const bool plain = std::ranges::all_of(stem, is_letter);
  if (!plain) return stem;  // Identifiers and numbers are themselves.
  if (!drop_suffix(stem, "sses", 2)) {
    if (drop_suffix(stem, "ies", 2))
      stem += 'y';
    else if (!stem.ends_with("ss") && !stem.ends_with("us") && !stem.ends_with("is"))
      drop_suffix(stem, "s", 3);
  } else {
    stem += "ss";
  }
  for (const std::string_view suffix : {"ing", "ed"}) {
    if (!stem.ends_with(suffix) || stem.size() < suffix.size() + 3) continue;
    if (!has_vowel(std::string_view(stem).substr(0, stem.size() - suffix.size()))) continue;
    stem.resize(stem.size() - suffix.size());
    undouble(stem);
    break;
  }
  if (stem.size() > 3 && stem.ends_with('y') && !is_vowel(stem[stem.size() - 2])) stem.back() = 'i';
  drop_suffix(stem, "e", 3);
  return stem;
}

}  // namespace opaline::base
