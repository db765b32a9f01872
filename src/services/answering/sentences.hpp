#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace opaline::services {

/// Bytes [begin, end) of a passage.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;

  [[nodiscard]] bool empty() const { return begin == end; }
  [[nodiscard]] std::string_view of(std::string_view text) const {
    return text.substr(begin, end - begin);
  }
  friend bool operator==(const Range&, const Range&) = default;
};

/// What can be quoted by itself: a sentence, a table row, a line of code or a list item, without
/// white space around it.
struct Sentence {
  Range range;
  Range label;      ///< The term or heading that stands above it in the passage; empty without one.
  Range paragraph;  ///< From the start of its paragraph to its own end.
};

/// The sentences of a passage in order. Line breaks end one, except inside a wrapped line of prose;
/// a full stop does when what follows can begin a sentence and no usual abbreviation stands before
/// it.
[[nodiscard]] std::vector<Sentence> sentences(std::string_view passage);

/// Bytes up to and with the first sentence end of `text` that is followed by something else; 0 when
/// there is none yet.
[[nodiscard]] std::size_t sentence_end(std::string_view text);

}  // namespace opaline::services
