#include "contract/hit.hpp"

namespace opaline::contract {

double Hit::score() const {
  if (scores.rerank) return *scores.rerank;
  if (scores.fused) return *scores.fused;
  if (scores.dense) return *scores.dense;
  return scores.bm25.value_or(0);
}

std::string titled_text(std::string_view title_path, std::string_view text) {
  // The heading that the text begins with would stand there twice.
  const auto last = title_path.rfind(kTitleSeparator);
  const std::string_view tail = last == std::string_view::npos
                                    ? title_path
                                    : title_path.substr(last + kTitleSeparator.size());
  if (!tail.empty() && text.starts_with(tail) &&
      (text.size() == tail.size() || text[tail.size()] == '\n')) {
    title_path = last == std::string_view::npos ? std::string_view() : title_path.substr(0, last);
  }
  std::string joined;
  joined.reserve(title_path.size() + 1 + text.size());
  joined += title_path;
  if (!joined.empty()) joined += '\n';
  joined += text;
  return joined;
}

}  // namespace opaline::contract
