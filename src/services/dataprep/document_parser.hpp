#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "base/context.hpp"
#include "base/limits.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "services/dataprep/parse.hpp"
#include "services/dataprep/parsed_document.hpp"

namespace opaline::services::dataprep {

struct ParserSettings {
  /// Program and arguments that run parse_child_main().
  std::vector<std::string> command = {"/proc/self/exe", "parse"};
  std::size_t memory_bytes = limits::kParserMemoryBytes;
  std::chrono::seconds time = std::chrono::duration_cast<std::chrono::seconds>(limits::kParserTime);
};

/// Bytes in memory, or a file that holds them.
using ParseInput = std::variant<std::string, std::filesystem::path>;

/// Parses documents in confined processes, a fresh one for each: what a document does to its parser
/// ends with it. The process has no environment, none of our open files, no network, no way to
/// write, and limits of memory and time. Any event loop; the calling thread must live as long as
/// the call (the process dies with the thread that started it).
class DocumentParser {
 public:
  explicit DocumentParser(ParserSettings settings) : settings_(std::move(settings)) {}

  /// @error those of parse(); invalid_argument: "took longer than 60 s to read", "needs more than
  /// 1024 MiB to read"; internal: the parser crashed (says how); unavailable: no process could be
  /// started; cancelled, deadline_exceeded.
  base::Task<base::Result<ParsedDocument>> parse(ParseInput input, ParseHints hints,
                                                 base::Context context) const;

 private:
  ParserSettings settings_;
};

}  // namespace opaline::services::dataprep
