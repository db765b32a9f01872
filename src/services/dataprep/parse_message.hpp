#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "services/dataprep/parse.hpp"
#include "services/dataprep/parsed_document.hpp"

/// What the server and a parser process say to each other, over a socket that is the process's
/// descriptor 0:
///
///   server → parser   u64 length, ParseJob        (the document is open as descriptor 3)
///   parser → server   u64 length, Result<ParsedDocument>
///
/// Numbers are little-endian, texts carry their length. The parser's side is not trusted:
/// decode_result() checks everything.
namespace opaline::services::dataprep {

inline constexpr int kSocketDescriptor = 0;
inline constexpr int kDocumentDescriptor = 3;
/// The exit status of a parser that was refused memory.
inline constexpr int kExitOutOfMemory = 77;
inline constexpr std::size_t kJobBytesMax = 64 * 1024;
/// Longest answer: a document of the largest text and number of blocks.
inline constexpr std::size_t kResultBytesMax = std::size_t{192} << 20;

struct ParseJob {
  ParseHints hints;
  std::uint64_t memory_bytes = 0;
  std::uint64_t processor_seconds = 0;
  std::uint64_t parent = 0;  ///< Process id of the server.
};

[[nodiscard]] std::string encode_job(const ParseJob& job);
[[nodiscard]] base::Result<ParseJob> decode_job(std::string_view bytes);
[[nodiscard]] std::string encode_result(const base::Result<ParsedDocument>& result);
/// The document or the parser's own error. @error internal: the bytes are not a result, or the
/// document breaks its invariant.
[[nodiscard]] base::Result<ParsedDocument> decode_result(std::string_view bytes);

}  // namespace opaline::services::dataprep
