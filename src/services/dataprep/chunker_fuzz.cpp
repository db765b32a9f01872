// The input makes a document, five bytes a block and then its text, and the parameters. The chunks
// must cover it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "contract/hit.hpp"
#include "services/dataprep/chunker.hpp"
#include "services/dataprep/token_estimate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opaline::services::dataprep;
  if (size < 2) return 0;
  const auto parameters = ChunkParameters::for_target(data[0] * 2U);
  std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  DocumentWriter out;
  while (rest.size() > 3) {
    const auto kind = static_cast<BlockKind>(static_cast<unsigned char>(rest[0]) % kBlockKinds);
    const auto level =
        static_cast<std::uint8_t>(kind == BlockKind::heading ? 1 + (rest[1] & 3) : rest[1] & 3);
    const std::size_t length =
        std::min<std::size_t>(static_cast<unsigned char>(rest[2]) * 4U, rest.size() - 3);
    const std::string text = opaline::base::to_utf8(rest.substr(3, length));
    if (kind == BlockKind::code) {
      out.add_verbatim({.kind = kind, .level = level}, text);
    } else {
      out.add({.kind = kind, .level = level}, text);
    }
    rest.remove_prefix(3 + length);
  }
  const ParsedDocument document = std::move(out).finish("text/plain", "t");
  OPALINE_ASSERT(broken_invariant(document).empty());
  const std::string_view text = document.text;
  std::uint64_t covered = 0;
  for (const Chunk& chunk : chunk_document(document, parameters, token_estimate)) {
    OPALINE_ASSERT(chunk.begin < chunk.end && chunk.end > covered && chunk.end <= text.size());
    const std::string_view passage = text.substr(chunk.begin, chunk.end - chunk.begin);
    OPALINE_ASSERT(opaline::base::is_utf8(passage));
    OPALINE_ASSERT(token_estimate(opaline::contract::titled_text(chunk.title_path, passage)) <=
                   parameters.tokens_max);
    if (chunk.begin > covered) {
      OPALINE_ASSERT(text.substr(covered, chunk.begin - covered).find_first_not_of(" \t\n\v\f") ==
                     std::string_view::npos);
    }
    covered = chunk.end;
  }
  OPALINE_ASSERT(text.substr(covered).find_first_not_of(" \t\n\v\f") == std::string_view::npos);
  return 0;
}
