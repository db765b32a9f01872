#include "engine/long_words.hpp"

namespace opaline::engine {
namespace {

constexpr std::size_t kWordBytesMax = 100;  // "max_input_chars_per_word" of BERT's WordPiece.
constexpr std::string_view kUnknown = "\U000130B8";  // A hieroglyph.

bool is_word_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

std::string without_long_words(std::string_view text) {
  std::string kept;
  kept.reserve(text.size());
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = begin;
    while (end < text.size() && is_word_byte(text[end])) ++end;
    if (end - begin > kWordBytesMax) {
      kept += kUnknown;
    } else {
      kept += text.substr(begin, end - begin);
    }
    begin = end;
    while (begin < text.size() && !is_word_byte(text[begin])) kept += text[begin++];
  }
  return kept;
}

}  // namespace opaline::engine
