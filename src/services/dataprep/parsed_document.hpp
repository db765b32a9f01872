#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace opaline::services::dataprep {

/// What a stretch of a document is. The first three head a scope: what follows belongs to them
/// until the scope ends.
enum class BlockKind : std::uint8_t {
  heading,       ///< `level` 1 … 6. Ends with the next heading of the same or a lower level.
  term,          ///< Of a definition list. Heads the blocks after it with a higher `level`.
  table_header,  ///< Caption or header row. Heads the table_row blocks that follow it directly.
  paragraph,
  list_item,  ///< Heads the blocks after it with a higher `level`, if there are any.
  table_row,
  code,
  quote,
};
inline constexpr std::uint8_t kBlockKinds = 8;
/// More than this in one document is refused.
inline constexpr std::size_t kBlocksMax = 4'000'000;

/// A stretch [begin, end) of ParsedDocument::text, not empty, both ends on code point boundaries.
struct Block {
  BlockKind kind = BlockKind::paragraph;
  std::uint8_t level =
      0;  ///< Of a heading 1 … 6; otherwise how deep in lists and definitions, 0 … 15.
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t page = 0;  ///< 1-based; 0 for documents without pages.

  friend bool operator==(const Block&, const Block&) = default;
};

/// A document as Opaline reads it: its text, which all spans refer to, and the structure of that
/// text. Invariant: `text` is UTF-8 with '\n' line ends; blocks are in order, do not overlap, and
/// cover every byte of the text that is not white space.
struct ParsedDocument {
  std::string title;
  std::string text;
  std::vector<Block> blocks;
  std::vector<std::string> warnings;
  std::string mime;  ///< As detected.

  friend bool operator==(const ParsedDocument&, const ParsedDocument&) = default;
};

/// Why `document` breaks the invariant above, or "" when it keeps it.
[[nodiscard]] std::string broken_invariant(const ParsedDocument& document);

/// Writes a ParsedDocument block by block and keeps its invariant: white space is normalised,
/// invisible characters are left out, empty blocks vanish. All text given to it must be UTF-8.
class DocumentWriter {
 public:
  struct Place {
    BlockKind kind = BlockKind::paragraph;
    std::uint8_t level = 0;
    std::uint32_t page = 0;
    std::string_view marker = {};  ///< Put before the text, e.g. "- ".
  };
  /// Running text: each run of white space becomes one space, except that '\v' (a hard line break)
  /// becomes '\n'.
  void add(const Place& place, std::string_view text);
  /// Text whose line breaks and indentation matter; blank lines at its ends and spaces at line ends
  /// go.
  void add_verbatim(const Place& place, std::string_view text);

  void set_title(std::string_view title);
  [[nodiscard]] bool has_title() const { return !document_.title.empty(); }
  void warn(std::string warning);
  [[nodiscard]] bool empty() const { return document_.blocks.empty(); }
  [[nodiscard]] std::size_t blocks() const { return document_.blocks.size(); }

  /// The document; its title is the first heading's when none was set, else `fallback_title`.
  [[nodiscard]] ParsedDocument finish(std::string_view mime, std::string_view fallback_title) &&;

 private:
  void begin_block(const Place& place);
  void end_block(const Place& place, std::size_t begin);

  ParsedDocument document_;
  std::size_t invisible_ = 0;
};

/// One line for people: white space runs become single spaces, cut at `bytes_max` with "…".
[[nodiscard]] std::string one_line(std::string_view text, std::size_t bytes_max);

}  // namespace opaline::services::dataprep
