#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.hpp"
#include "services/dataprep/parsed_document.hpp"

namespace opaline::services::dataprep {

/// Counts tokens of a text without special ones. Must be additive over white space (to within
/// rounding up).
using TokenCounter = std::function<std::size_t(std::string_view)>;

/// All that the evaluation may tune.
struct ChunkParameters {
  std::size_t tokens_target = 200;  ///< What a chunk is filled up to, its title path included.
  std::size_t tokens_max = 384;     ///< Never passed; a block that must stay whole may be as large.
  std::size_t tokens_tiny = 50;     ///< A chunk below this joins its neighbour where it can.
  std::size_t tokens_overlap =
      30;  ///< Repeated, by whole sentences, where a paragraph must be cut.
  std::size_t title_path_tokens = 48;  ///< A longer title path loses its middle.
  std::size_t title_bytes = 100;       ///< Of one heading in a title path.

  /// The parameters for a target of another size; the rest keeps its proportion within the
  /// embedder's window.
  [[nodiscard]] static ChunkParameters for_target(std::size_t tokens_target);
  friend bool operator==(const ChunkParameters&, const ChunkParameters&) = default;
};

/// A passage to be embedded: ParsedDocument::text at [begin, end).
struct Chunk {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string title_path;  ///< Document title and the headings, terms or table headers it is under,
                           ///< by " > ".
  std::size_t tokens = 0;  ///< Of contract::titled_text(), by the counter given.
  std::uint32_t page = 0;  ///< Of its first block; 0: none.
};

/// Cuts a document into passages along its structure. Sections, definitions and lists that fit stay
/// whole; small siblings share a chunk; headings, terms, table headers and lead-ins ("as follows:")
/// stay with what they announce. Rows, list items and code are cut only when they alone pass
/// `tokens_max`; prose is cut between sentences. The chunks are in order and cover all text that is
/// not white space; they overlap only where prose was cut. Pure; linear in the text.
[[nodiscard]] std::vector<Chunk> chunk_document(const ParsedDocument& document,
                                                const ChunkParameters& parameters,
                                                const TokenCounter& count);

}  // namespace opaline::services::dataprep
