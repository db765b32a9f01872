#include "services/answering/extract.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "services/answering/citation.hpp"
#include "services/answering/selection.hpp"

namespace opaline::services {
namespace {

bool only_space(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// Writes an answer quote by quote and notes where each citation stands in it.
class AnswerWriter {
 public:
  explicit AnswerWriter(contract::ChatReply& reply) : reply_(reply) {}

  void quote(std::size_t source, const Sentence& sentence) {
    const contract::Hit& hit = reply_.sources[source];
    const int number = static_cast<int>(source) + 1;
    const Range term = first_mention(source, sentence.term) ? sentence.term : Range{};
    std::string piece = separator(source, sentence);
    const std::size_t begin = reply_.text.size() + piece.size();
    if (!term.empty()) {
      piece += term.of(hit.text);
      piece += piece.ends_with(':') ? " " : ": ";
    }
    const std::size_t after_term = reply_.text.size() + piece.size();
    const std::string_view quoted = sentence.range.of(hit.text);
    piece += quoted;
    // A mark at the end of a command would be copied with it.
    piece += quoted.contains('\n') ? '\n' : ' ';
    piece += '[' + std::to_string(number) + ']';
    reply_.text += piece;
    const bool adjacent =
        !term.empty() && only_space(hit.text.substr(term.end, sentence.range.begin - term.end));
    add(cite(number, hit, adjacent ? Range{term.begin, sentence.range.end} : sentence.range),
        {.begin = adjacent || term.empty() ? begin : after_term, .end = reply_.text.size()});
    if (!term.empty() && !adjacent)
      add(cite(number, hit, term), {.begin = begin, .end = after_term});
    pieces_.push_back(std::move(piece));
    said_.emplace_back(source, sentence);
  }
  std::vector<std::string> take() && { return std::move(pieces_); }

 private:
  /// Sentences of one paragraph go on in their line.
  [[nodiscard]] std::string separator(std::size_t source, const Sentence& sentence) const {
    if (said_.empty()) return "";
    const auto& [last_source, last] = said_.back();
    const bool goes_on = last_source == source && sentence.kind == Sentence::Kind::prose &&
                         last.kind == Sentence::Kind::prose &&
                         last.paragraph.begin == sentence.paragraph.begin;
    return goes_on ? " " : "\n";
  }
  [[nodiscard]] bool first_mention(std::size_t source, Range term) const {
    return std::ranges::none_of(
        said_, [&](const auto& said) { return said.first == source && said.second.term == term; });
  }
  void add(contract::Citation citation, contract::Span answer_span) {
    citation.answer_span = answer_span;
    reply_.citations.push_back(std::move(citation));
  }

  contract::ChatReply& reply_;
  std::vector<std::string> pieces_;
  std::vector<std::pair<std::size_t, Sentence>> said_;  // Source and sentence.
};

}  // namespace

std::vector<std::string> extract_answer(const EvidenceBoard& board, std::size_t count,
                                        contract::ChatReply& reply) {
  AnswerWriter writer(reply);
  for (const std::size_t i : select_evidence(board.evidence(), count, reply.sources)) {
    writer.quote(board.evidence()[i].source, board.evidence()[i].sentence);
  }
  return std::move(writer).take();
}

}  // namespace opaline::services
