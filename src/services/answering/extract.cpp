#include "services/answering/extract.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "services/answering/citation.hpp"

namespace opaline::services {
namespace {

bool only_space(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// Writes an answer quote by quote and notes where each citation stands in it.
class AnswerWriter {
 public:
  explicit AnswerWriter(contract::ChatReply& reply) : reply_(reply) {}

  /// @param label is said before the sentence; may be empty.
  void quote(std::size_t source, Range label, Range sentence) {
    const contract::Hit& hit = reply_.sources[source];
    const int number = static_cast<int>(source) + 1;
    std::string piece = reply_.text.empty() ? "" : "\n";
    const std::size_t begin = reply_.text.size() + piece.size();
    if (!label.empty()) {
      piece += label.of(hit.text);
      piece += piece.ends_with(':') ? " " : ": ";
    }
    const std::size_t after_label = reply_.text.size() + piece.size();
    piece += std::string(sentence.of(hit.text)) + " [" + std::to_string(number) + "]";
    reply_.text += piece;
    const bool adjacent =
        !label.empty() && only_space(hit.text.substr(label.end, sentence.begin - label.end));
    add(cite(number, hit, adjacent ? Range{label.begin, sentence.end} : sentence),
        {.begin = adjacent || label.empty() ? begin : after_label, .end = reply_.text.size()});
    if (!label.empty() && !adjacent)
      add(cite(number, hit, label), {.begin = begin, .end = after_label});
    pieces_.push_back(std::move(piece));
  }
  std::vector<std::string> take() && { return std::move(pieces_); }

 private:
  void add(contract::Citation citation, contract::Span answer_span) {
    citation.answer_span = answer_span;
    reply_.citations.push_back(std::move(citation));
  }

  contract::ChatReply& reply_;
  std::vector<std::string> pieces_;
};

}  // namespace

std::vector<std::string> extract_answer(const EvidenceBoard& board, std::size_t count,
                                        contract::ChatReply& reply) {
  AnswerWriter writer(reply);
  std::vector<std::pair<std::size_t, Range>> said;
  for (const std::size_t i : board.best(count, reply.sources)) {
    const Evidence& one = board.evidence()[i];
    const std::pair label{one.source, one.sentence.label};
    const bool known = std::ranges::find(said, label) != said.end();
    writer.quote(one.source, known ? Range{} : one.sentence.label, one.sentence.range);
    said.push_back(label);
    said.emplace_back(one.source, one.sentence.range);
  }
  return std::move(writer).take();
}

}  // namespace opaline::services
