#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "services/answering/blocks.hpp"

namespace opaline::services {

/// What can be quoted by itself, without white space and list markers around it: a sentence, a list
/// item, a table row, or a short block of lines that belong together (code, or a list with the
/// sentence that announces it).
struct Sentence {
  enum class Kind : std::uint8_t { prose, item, row, block };

  Range range;
  Range term;       ///< What it defines, where it stands in a definition list; empty elsewhere.
  Range heading;    ///< The heading above it in the passage; empty without one.
  Range paragraph;  ///< From the start of its paragraph (or of what announces it) to its own end.
  Kind kind = Kind::prose;
};

/// Whether it is one of several lines that each speak of something else.
[[nodiscard]] inline bool is_line(const Sentence& sentence) {
  return sentence.kind == Sentence::Kind::row || sentence.kind == Sentence::Kind::item;
}

/// What can be quoted of a passage, in order. Headings, terms, header rows and long code are not,
/// unless there is nothing else.
/// @param title_path the headings above the passage, joined by " > ".
[[nodiscard]] std::vector<Sentence> sentences(std::string_view passage,
                                              std::string_view title_path = {});

}  // namespace opaline::services
