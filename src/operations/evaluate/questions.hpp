#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "operations/evaluate/metrics.hpp"

namespace opaline::operations {

/// One question with what is known about its answer.
struct Question {
  std::string id;
  std::string text;
  std::vector<std::string>
      answers;             ///< Any of them is right; empty when only documents are judged.
  Judgements relevant;     ///< By document name: see document_name().
  std::string kind;        ///< As the file says, e.g. "howto"; may be empty.
  bool answerable = true;  ///< false: declining is right.
};

/// The name by which judgements know a document: of `source` (path or URL) what follows the last
/// "/", without an extension, query or fragment. "https://x/docs/a.html#b" and "docs/a.html" are
/// both "a".
[[nodiscard]] std::string document_name(std::string_view source);

/// One JSON object a line: question, answer, aliases[], pages[], alt_pages[], and optionally id,
/// kind. Kind "unanswerable", or neither an answer nor a page, means that declining is right. Blank
/// lines are skipped.
/// @error invalid_argument: names the line.
[[nodiscard]] base::Result<std::vector<Question>> parse_questions(std::string_view jsonl);

/// TREC topics (<top> with <num> and <title>) and judgements ("topic 0 document grade" a line).
/// Collections that number their judgements by place instead of <num>, as Cranfield's do, are
/// recognised by topics whose judgements are missing.
/// @error invalid_argument: no topic, a broken line, or no topic with a judgement.
[[nodiscard]] base::Result<std::vector<Question>> parse_trec(std::string_view topics,
                                                             std::string_view judgements);

/// Reads `file`: topics when it ends in .xml (judgements: the one *qrel*.txt beside it), otherwise
/// questions.
/// @error not_found, invalid_argument: name the file.
[[nodiscard]] base::Result<std::vector<Question>> read_questions(const std::filesystem::path& file);

}  // namespace opaline::operations
