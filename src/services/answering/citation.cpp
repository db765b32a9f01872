#include "services/answering/citation.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "services/answering/sentence_end.hpp"

namespace opaline::services {
namespace {

/// A sentence without its marks, and the source numbers that they name.
struct Marked {
  std::string text;
  std::vector<int> sources;
};

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Bytes of the mark "[12]" at the start of `text`, 0 when there is none. @param number
/// receives 12.
std::size_t mark(std::string_view text, int* number) {
  if (!text.starts_with('[')) return 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), *number);
  if (error != std::errc() || end == text.data() + text.size() || *end != ']') return 0;
  return static_cast<std::size_t>(end - text.data()) + 1;
}

Marked without_marks(std::string_view raw) {
  Marked marked;
  for (std::size_t at = 0; at < raw.size();) {
    int number = 0;
    const std::size_t size = mark(raw.substr(at), &number);
    if (size == 0) {
      marked.text += raw[at++];
      continue;
    }
    at += size;
    while (!marked.text.empty() && marked.text.back() == ' ') marked.text.pop_back();
    if (std::ranges::find(marked.sources, number) == marked.sources.end())
      marked.sources.push_back(number);
  }
  return marked;
}

/// The end of the first sentence of `text` with the marks behind it; 0 when it may go on.
std::size_t marked_sentence_end(std::string_view text) {
  std::size_t end = sentence_end(text);
  if (end == 0) return 0;
  for (;;) {
    std::size_t next = end;
    while (next < text.size() && is_space(text[next])) ++next;
    if (next == text.size()) return 0;
    if (text[next] != '[') return end;
    int number = 0;
    const std::size_t size = mark(text.substr(next), &number);
    if (size == 0)
      return text.find(']', next) == std::string_view::npos && text.size() - next < 6 ? 0 : end;
    end = next + size;
  }
}

}  // namespace

contract::Citation cite(int source, const contract::Hit& hit, Range range) {
  contract::Citation citation;
  citation.source = source;
  citation.source_span = {.begin = hit.span.begin + range.begin, .end = hit.span.begin + range.end};
  citation.quote = range.of(hit.text);
  return citation;
}

std::string CitedText::feed(std::string_view raw) {
  pending_ += raw;
  std::string shown;
  while (const std::size_t end = marked_sentence_end(pending_)) {
    shown += take_sentence(std::string_view(pending_).substr(0, end));
    pending_.erase(0, end);
  }
  return shown;
}

std::string CitedText::finish() {
  std::string shown = take_sentence(pending_);
  pending_.clear();
  return shown;
}

std::string CitedText::take_sentence(std::string_view raw) {
  // White space before a sentence is kept, but none at the start of the answer and none at its end.
  const std::size_t start = std::min(raw.find_first_not_of(" \t\r\n"), raw.size());
  Marked marked = without_marks(raw.substr(start));
  while (!marked.text.empty() && is_space(marked.text.back())) marked.text.pop_back();
  if (marked.text.empty()) return {};
  std::string shown = text_.empty() ? "" : std::string(raw.substr(0, start));
  if (!text_.empty() && shown.empty()) shown = " ";
  const std::size_t begin = text_.size() + shown.size();
  shown += marked.text;

  std::erase_if(marked.sources,
                [&](int n) { return n < 1 || static_cast<std::size_t>(n) > sources_.size(); });
  std::vector<contract::Citation> found = citations_of(marked.text, marked.sources);
  for (contract::Citation& citation : found) {
    if (citation.supported) shown += " [" + std::to_string(citation.source) + "]";
  }
  text_ += shown;
  for (contract::Citation& citation : found) {
    citation.answer_span = {.begin = begin, .end = text_.size()};
    citations_.push_back(std::move(citation));
  }
  return shown;
}

std::vector<contract::Citation> CitedText::citations_of(std::string_view sentence,
                                                        const std::vector<int>& marks) const {
  std::vector<contract::Citation> holding;
  std::vector<contract::Citation> failing;
  const auto add = [&](const Support& support) {
    auto& list = support.sufficient ? holding : failing;
    list.push_back(
        cite(static_cast<int>(support.source) + 1, sources_[support.source], support.range));
    list.back().supported = support.sufficient;
  };
  for (const int number : marks) {
    if (const auto support = check_.find(sentence, static_cast<std::size_t>(number) - 1))
      add(*support);
  }
  if (!holding.empty()) return holding;
  const auto best = check_.find(sentence);
  if (best && (best->sufficient || failing.empty())) add(*best);
  if (!holding.empty()) return holding;
  if (sentence == declined_text_) failing.clear();
  return failing;
}

bool CitedText::declined() const { return text_ == declined_text_; }

}  // namespace opaline::services
