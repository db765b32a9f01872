// Three steps.
//   1. Scopes: a tree of headings, terms, list items with something under them, and table
//      headers; each block lies in one.
//   2. Units: the smallest pieces, a block each, or parts of a block that is too large. A scope
//      that fits the target becomes one item; otherwise its own units and its inner scopes are
//      looked at one by one.
//   3. Packing: items join from left to right while they fit and belong together.
#include "services/dataprep/chunker.hpp"

#include <algorithm>
#include <optional>

#include "base/assert.hpp"
#include "contract/hit.hpp"
#include "services/dataprep/sentence.hpp"

namespace opaline::services::dataprep {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct Scope {
  std::size_t parent = 0;
  BlockKind kind = BlockKind::heading;
  std::uint8_t level = 0;
  std::string title;
  std::size_t first_block = 0;
  std::size_t end_block = 0;
  std::size_t tokens = 0;
  std::size_t path_tokens = 0;
  std::string path;
  std::vector<std::size_t> children;
};

/// A stretch of one block. Units of one block may overlap.
struct Unit {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::size_t tokens = 0;
  std::size_t block = 0;
};

/// Units [first, end) that are not to be parted.
struct Item {
  std::size_t first = 0;
  std::size_t end = 0;
  std::size_t tokens = 0;
  std::size_t scope = 0;   ///< The scope it stands in.
  bool whole = false;      ///< It is a whole scope, or a block directly under its heading …
  bool announces = false;  ///< Heading, term, header or lead-in: belongs to what follows.
  bool ends = false;       ///< The last of its scope's own.
  bool opens = false;      ///< The announcement of a scope that is too large to be one item.
};

class Chunker {
 public:
  Chunker(const ParsedDocument& document, const ChunkParameters& parameters,
          const TokenCounter& count)
      : document_(document), text_(document.text), parameters_(parameters), count_(count) {}

  std::vector<Chunk> run() {
    if (document_.blocks.empty()) return {};
    build_scopes();
    build_units();
    add_items(0);
    pack();
    return std::move(chunks_);
  }

 private:
  // Step 1.

  void build_scopes() {
    scopes_.push_back({.title = one_line(document_.title, parameters_.title_bytes)});
    std::size_t current = 0;
    for (std::size_t i = 0; i < document_.blocks.size(); ++i) {
      const Block& block = document_.blocks[i];
      while (current != 0 && ends_before(scopes_[current], block, i)) {
        scopes_[current].end_block = i;
        current = scopes_[current].parent;
      }
      if (heads(i)) {
        const std::size_t added = scopes_.size();
        scopes_[current].children.push_back(added);
        scopes_.push_back({.parent = current,
                           .kind = block.kind,
                           .level = block.level,
                           .title = scope_title(block),
                           .first_block = i});
        current = added;
      }
      scope_of_block_.push_back(current);
    }
    for (; current != 0; current = scopes_[current].parent)
      scopes_[current].end_block = document_.blocks.size();
    scopes_[0].end_block = document_.blocks.size();
    for (std::size_t i = 0; i < scopes_.size(); ++i) {
      scopes_[i].path = title_path(i);
      scopes_[i].path_tokens = count_(scopes_[i].path);
    }
  }

  [[nodiscard]] std::string scope_title(const Block& block) const {
    std::string_view text = text_.substr(block.begin, block.end - block.begin);
    if (block.kind == BlockKind::list_item) {
      const auto marker = text.find_first_not_of(" -*0123456789.");
      if (marker != std::string_view::npos) text.remove_prefix(marker);
    }
    return one_line(text, parameters_.title_bytes);
  }

  /// Whether this block has others under it. A list item with nothing under it is a plain block.
  [[nodiscard]] bool heads(std::size_t index) const {
    const Block& block = document_.blocks[index];
    if (block.kind <= BlockKind::table_header) return true;
    if (block.kind != BlockKind::list_item || index + 1 == document_.blocks.size()) return false;
    const Block& next = document_.blocks[index + 1];
    return next.kind != BlockKind::heading && next.level > block.level;
  }

  static bool ends_before(const Scope& scope, const Block& block, std::size_t index) {
    switch (scope.kind) {
      case BlockKind::heading:
        return block.kind == BlockKind::heading && block.level <= scope.level;
      case BlockKind::term:
      case BlockKind::list_item:
        return block.kind == BlockKind::heading || block.level <= scope.level;
      case BlockKind::table_header:
        // A header row directly after the caption belongs to the same table.
        if (block.kind == BlockKind::table_header) return scope.first_block + 1 != index;
        return block.kind != BlockKind::table_row;
      case BlockKind::paragraph:
      case BlockKind::table_row:
      case BlockKind::code:
      case BlockKind::quote: break;
    }
    OPALINE_ASSERT(!"a scope is headed by a heading, a term, a list item or a table header");
    return true;
  }

  std::string title_path(std::size_t scope) const {
    std::vector<std::string_view> parts;
    for (std::size_t at = scope; at != 0; at = scopes_[at].parent) {
      parts.push_back(scopes_[at].title);
    }
    const std::string_view title = scopes_[0].title;
    // The first heading often is the title.
    if (!title.empty() && (parts.empty() || parts.back() != title)) parts.push_back(title);
    std::ranges::reverse(parts);
    const auto joined = [&] {
      std::string path;
      for (const std::string_view part : parts) {
        if (!path.empty()) path += contract::kTitleSeparator;
        path += part;
      }
      return path;
    };
    std::string path = joined();
    while (parts.size() > 2 && count_(path) > parameters_.title_path_tokens) {
      parts.erase(parts.begin() + 1);
      path = joined();
    }
    // From the whole path each time: the mark of a cut is itself a token and must not pile up.
    const std::string whole = path;
    for (std::size_t bytes = whole.size(); count_(path) > parameters_.title_path_tokens;) {
      bytes = bytes * 3 / 4;
      path = bytes == 0 ? "" : one_line(whole, bytes);
    }
    return path;
  }

  // Step 2.

  void build_units() {
    first_unit_.reserve(document_.blocks.size() + 1);
    for (std::size_t i = 0; i < document_.blocks.size(); ++i) {
      first_unit_.push_back(units_.size());
      add_units(i);
    }
    first_unit_.push_back(units_.size());
    for (std::size_t i = 0; i < units_.size(); ++i) {
      for (std::size_t at = scope_of_block_[units_[i].block];; at = scopes_[at].parent) {
        scopes_[at].tokens += units_[i].tokens;
        if (at == 0) break;
      }
    }
  }

  static bool stays_whole(BlockKind kind) {
    return kind != BlockKind::paragraph && kind != BlockKind::quote;
  }

  [[nodiscard]] std::size_t room(std::size_t tokens, std::size_t scope) const {
    const std::size_t path = scopes_[scope].path_tokens;
    return std::max<std::size_t>(tokens > path ? tokens - path : 0, 8);
  }

  void add_units(std::size_t index) {
    const Block& block = document_.blocks[index];
    const std::string_view text = text_.substr(block.begin, block.end - block.begin);
    const std::size_t scope = scope_of_block_[index];
    const std::size_t target = room(parameters_.tokens_target, scope);
    const std::size_t most = room(parameters_.tokens_max, scope);
    // No token is shorter than a byte, and counting all of a huge block at once is of no use.
    const bool huge = text.size() > 64 * most;
    const std::size_t tokens = huge ? most + 1 : count_(text);
    if (tokens <= (stays_whole(block.kind) ? most : target)) {
      units_.push_back({block.begin, block.end, tokens, index});
      return;
    }
    const bool lines = block.kind == BlockKind::code || block.kind == BlockKind::table_row;
    split(index, target, lines ? LineEnds::final : LineEnds::wrapped);
  }

  /// Cuts a block into units of about `target` tokens.
  void split(std::size_t index, std::size_t target, LineEnds line_ends) {
    const Block& block = document_.blocks[index];
    const bool overlapping = block.kind != BlockKind::code;
    std::vector<Unit> sentences;
    for (std::uint64_t at = block.begin; at < block.end;) {
      const std::string_view rest = text_.substr(at, block.end - at);
      const std::size_t length = next_line_or_sentence(rest, line_ends, block.kind);
      add_sentence(index, at, at + length, target, sentences);
      at += length;
    }
    // Pack sentences; a new unit takes over the last ones of the one before it.
    std::size_t first = 0;
    std::size_t fresh = 0;  // The first sentence that no unit has yet.
    while (fresh < sentences.size()) {
      std::size_t tokens = 0;
      for (std::size_t i = first; i < fresh; ++i) tokens += sentences[i].tokens;
      std::size_t end = fresh;
      while (end < sentences.size() && (end == fresh || tokens + sentences[end].tokens <= target)) {
        tokens += sentences[end++].tokens;
      }
      while (first < fresh && tokens > target) tokens -= sentences[first++].tokens;
      add_trimmed(index, sentences[first].begin, sentences[end - 1].end, tokens);
      fresh = end;
      first = end;
      std::size_t repeated = 0;
      while (overlapping && end < sentences.size() && first > 0 &&
             repeated + sentences[first - 1].tokens <= parameters_.tokens_overlap) {
        repeated += sentences[--first].tokens;
      }
    }
  }

  static std::size_t next_line_or_sentence(std::string_view rest, LineEnds line_ends,
                                           BlockKind kind) {
    if (kind != BlockKind::code) return first_sentence(rest, line_ends);
    const auto end = rest.find('\n');
    return end == std::string_view::npos ? rest.size() : end + 1;
  }

  /// One sentence, or parts of one that alone passes the target.
  void add_sentence(std::size_t index, std::uint64_t begin, std::uint64_t end, std::size_t target,
                    std::vector<Unit>& sentences) const {
    while (begin < end) {
      const std::string_view rest = text_.substr(begin, end - begin);
      if (rest.size() <= target || (rest.size() <= 64 * target && count_(rest) <= target)) {
        sentences.push_back({begin, end, count_(rest), index});
        return;
      }
      const std::size_t length = fitting_prefix(rest, target);
      sentences.push_back({begin, begin + length, count_(rest.substr(0, length)), index});
      begin += length;
    }
  }

  /// About the longest prefix within `tokens`, ended after white space where there is any, never
  /// inside a character.
  std::size_t fitting_prefix(std::string_view text, std::size_t tokens) const {
    std::size_t fits = 0;
    std::size_t too_long = std::min(text.size(), tokens * 16) + 1;
    while (fits + 8 < too_long) {
      const std::size_t middle = fits + (too_long - fits) / 2;
      if (count_(text.substr(0, cut(text, middle))) <= tokens) {
        fits = middle;
      } else {
        too_long = middle;
      }
    }
    const std::size_t length = cut(text, std::max<std::size_t>(fits, 8));
    return length == 0 ? text.size() : length;
  }

  static std::size_t cut(std::string_view text, std::size_t at) {
    at = std::min(at, text.size());
    if (at == text.size()) return at;
    for (std::size_t space = at; space > at / 2; --space) {
      if (is_space(text[space - 1])) return space;
    }
    std::size_t back = at;
    while (back > 0 && (static_cast<unsigned char>(text[back]) & 0xC0) == 0x80) --back;
    if (back > 0) return back;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    return at;
  }

  void add_trimmed(std::size_t index, std::uint64_t begin, std::uint64_t end, std::size_t tokens) {
    while (end > begin && is_space(text_[end - 1])) --end;
    if (end > begin) units_.push_back({begin, end, tokens, index});
  }

  // Step 2, second half: items. The depth of the recursion is that of the scopes: 6 headings, 16
  // terms, a table.

  void add_items(std::size_t scope) {
    const Scope& here = scopes_[scope];
    std::size_t block = here.first_block;
    for (const std::size_t inner : here.children) {
      add_own(scope, block, scopes_[inner].first_block);
      if (scopes_[inner].tokens + here.path_tokens <= parameters_.tokens_target) {
        items_.push_back({.first = first_unit_[scopes_[inner].first_block],
                          .end = first_unit_[scopes_[inner].end_block],
                          .tokens = scopes_[inner].tokens,
                          .scope = scope,
                          .whole = true,
                          .announces = announces_only(inner)});
      } else {
        add_items(inner);
      }
      block = scopes_[inner].end_block;
    }
    add_own(scope, block, here.end_block);
  }

  /// A scope of nothing but its heading, as of a term that shares its definition with the next one.
  [[nodiscard]] bool announces_only(std::size_t scope) const {
    return scopes_[scope].end_block == scopes_[scope].first_block + 1;
  }

  void add_own(std::size_t scope, std::size_t first_block, std::size_t end_block) {
    for (std::size_t b = first_block; b < end_block; ++b) {
      const Block& block = document_.blocks[b];
      const bool head = heads(b);
      const bool lead_in = block.kind == BlockKind::paragraph && text_[block.end - 1] == ':' &&
                           b + 1 < end_block_of(scope) &&
                           document_.blocks[b + 1].kind != BlockKind::heading;
      for (std::size_t u = first_unit_[b]; u < first_unit_[b + 1]; ++u) {
        items_.push_back({.first = u,
                          .end = u + 1,
                          .tokens = units_[u].tokens,
                          .scope = scope,
                          .announces = (head || lead_in) && u + 1 == first_unit_[b + 1],
                          .ends = u + 1 == first_unit_[end_block_of(scope)],
                          .opens = head && u == first_unit_[b]});
      }
    }
  }

  [[nodiscard]] std::size_t end_block_of(std::size_t scope) const {
    return scopes_[scope].end_block;
  }

  // Step 3.

  void pack() {
    std::vector<Item> open;
    std::size_t tokens = 0;
    for (const Item& item : items_) {
      if (!open.empty() && !joins(open, tokens, item)) {
        // What announces the next item goes with it.
        std::vector<Item> carried;
        std::size_t carried_tokens = 0;
        while (open.size() > 1 && open.back().announces &&
               carried_tokens + open.back().tokens + item.tokens <=
                   room(parameters_.tokens_max, item.scope)) {
          carried_tokens += open.back().tokens;
          carried.insert(carried.begin(), open.back());
          open.pop_back();
        }
        close(open);
        open = std::move(carried);
        tokens = carried_tokens;
      }
      open.push_back(item);
      tokens += item.tokens;
    }
    close(open);
  }

  [[nodiscard]] std::size_t heading_of(std::size_t scope) const {
    while (scope != 0 && scopes_[scope].kind != BlockKind::heading) scope = scopes_[scope].parent;
    return scope;
  }

  [[nodiscard]] bool joins(const std::vector<Item>& open, std::size_t tokens,
                           const Item& item) const {
    const Item& last = open.back();
    const std::size_t path =
        std::max(scopes_[open.front().scope].path_tokens, scopes_[item.scope].path_tokens);
    const std::size_t total = tokens + item.tokens + path;
    if (total > parameters_.tokens_max) return false;
    if (std::ranges::all_of(open, &Item::announces)) return true;
    const bool same_section = heading_of(last.scope) == heading_of(item.scope);
    const bool tiny = tokens < parameters_.tokens_tiny;
    if (total > parameters_.tokens_target) {
      // A little too much is better than a scrap: a lead-in and its list, the tail of a section, a
      // stump before it.
      const bool lead_in = last.announces && item.scope == last.scope;
      const bool tail = item.ends && item.tokens < parameters_.tokens_tiny && same_section;
      return (tiny && same_section && !item.whole) ||
             ((lead_in || tail) && total <= parameters_.tokens_target * 5 / 4);
    }
    if (item.opens && !tiny)
      return false;  // A large definition or section begins a chunk of its own.
    if (same_section) return true;
    return tiny || item.tokens < parameters_.tokens_tiny ||
           (item.whole && open.front().whole && last.whole);
  }

  void close(const std::vector<Item>& open) {
    if (open.empty()) return;
    const Unit& first = units_[open.front().first];
    const Unit& last = units_[open.back().end - 1];
    std::size_t tokens = 0;
    for (const Item& item : open) tokens += item.tokens;
    Chunk chunk{.begin = first.begin, .end = last.end, .page = document_.blocks[first.block].page};
    std::size_t scope = path_of(first.block, last.block + 1);
    while (scope != 0 && tokens + scopes_[scope].path_tokens > parameters_.tokens_max)
      scope = scopes_[scope].parent;
    if (tokens + scopes_[scope].path_tokens <= parameters_.tokens_max) {
      chunk.title_path = scopes_[scope].path;
      tokens += scopes_[scope].path_tokens;
    }
    chunk.tokens = tokens;
    chunks_.push_back(std::move(chunk));
  }

  [[nodiscard]] bool contains(std::size_t scope, std::size_t block) const {
    return scopes_[scope].first_block <= block && block < scopes_[scope].end_block;
  }

  /// The innermost scope that all of these blocks lie in. Headings at the start do not count where
  /// what follows is under them.
  [[nodiscard]] std::size_t path_of(std::size_t first, std::size_t end) const {
    std::size_t begin = first;
    while (begin + 1 < end && heads(begin) && contains(scope_of_block_[begin], begin + 1)) {
      ++begin;
    }
    std::size_t scope = scope_of_block_[begin];
    while (scope != 0 && !contains(scope, end - 1)) scope = scopes_[scope].parent;
    // A table's header is in the path of rows only when it is not among them.
    while (scopes_[scope].kind == BlockKind::table_header && scope != 0 &&
           scopes_[scope].first_block >= first) {
      scope = scopes_[scope].parent;
    }
    return scope;
  }

  const ParsedDocument& document_;
  std::string_view text_;
  const ChunkParameters& parameters_;
  const TokenCounter& count_;
  std::vector<Scope> scopes_;
  std::vector<std::size_t> scope_of_block_;
  std::vector<Unit> units_;
  std::vector<std::size_t> first_unit_;  ///< Of each block, and one past the last.
  std::vector<Item> items_;
  std::vector<Chunk> chunks_;
};

}  // namespace

ChunkParameters ChunkParameters::for_target(std::size_t tokens_target) {
  // Two special tokens, and a margin for what an estimate may be short of.
  constexpr std::size_t kWindow = limits::kEmbeddingTokens * 9 / 10;
  ChunkParameters made;
  made.tokens_target = std::clamp<std::size_t>(tokens_target, 32, kWindow);
  made.tokens_max = std::clamp(made.tokens_target * 2, made.tokens_target, kWindow);
  made.tokens_tiny = made.tokens_target / 4;
  made.tokens_overlap = std::min(made.tokens_overlap, made.tokens_target / 4);
  made.title_path_tokens = std::min(made.title_path_tokens, made.tokens_target / 4);
  return made;
}

std::vector<Chunk> chunk_document(const ParsedDocument& document, const ChunkParameters& parameters,
                                  const TokenCounter& count) {
  return Chunker(document, parameters, count).run();
}

}  // namespace opaline::services::dataprep
