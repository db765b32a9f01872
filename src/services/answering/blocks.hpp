#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace opaline::services {

/// Bytes [begin, end) of a passage.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;

  [[nodiscard]] bool empty() const { return begin == end; }
  [[nodiscard]] std::size_t size() const { return end - begin; }
  [[nodiscard]] std::string_view of(std::string_view text) const {
    return text.substr(begin, end - begin);
  }
  friend bool operator==(const Range&, const Range&) = default;
};

/// `range` without white space at its ends.
[[nodiscard]] Range trimmed(std::string_view text, Range range);

/// A stretch of a passage of one kind.
struct Block {
  enum class Kind : std::uint8_t {
    prose,    ///< Sentences.
    items,    ///< Of a list, a line each.
    header,   ///< What names the columns of the rows after it.
    rows,     ///< Of a table, a line each: "a | b", or "name: a; size: b".
    code,     ///< Lines that are none of the others.
    heading,  ///< Of all that follows, to the next one.
    term,     ///< Of a definition list; its definition follows. More than one line: alternatives.
  };

  Kind kind = Kind::prose;
  std::vector<Range> lines;  ///< Not empty; each with the lines that it wraps into.

  [[nodiscard]] Range range() const { return {lines.front().begin, lines.back().end}; }
};

/// The blocks of a passage, in order. A passage is plain text: blank lines part its blocks, and
/// their kinds are read off their lines.
/// @param title_path the headings above it, joined by " > ": lines that are among them are
/// headings, and when the last is a table's header, the passage begins within that table.
[[nodiscard]] std::vector<Block> blocks(std::string_view passage, std::string_view title_path);

/// Bytes of "- ", "• " or "12. " at the start of `line`, with the indentation before; 0 without.
[[nodiscard]] std::size_t list_marker(std::string_view line);

}  // namespace opaline::services
