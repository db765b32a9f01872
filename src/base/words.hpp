#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace opaline::base {

/// A word and where it stands.
struct Word {
  std::string_view text;  ///< Borrowed from the text that was split.
  std::size_t begin = 0;  ///< Byte offset there.

  [[nodiscard]] std::size_t end() const { return begin + text.size(); }
};

/// The words of `text` in order: runs of ASCII letters, digits and bytes above 0x7F except those of
/// typographic quotes and dashes. '_' between them belongs to a word (max_connections), and so does
/// a '.' or ',' between two digits (1,600).
[[nodiscard]] std::vector<Word> words(std::string_view text);

/// Whether `word` is an English word that says nothing about the subject ("the", "does"); case does
/// not matter.
[[nodiscard]] bool is_stop_word(std::string_view word);

/// `word` in lower case (ASCII letters), without commas between digits and without an English
/// ending of inflection, so that "columns", "Column" and "settings", "setting" and "set" meet: a
/// light stemmer, for comparing and never for showing.
[[nodiscard]] std::string word_stem(std::string_view word);

}  // namespace opaline::base
