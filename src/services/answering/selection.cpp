#include "services/answering/selection.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/words.hpp"

namespace opaline::services {
namespace {

// A sentence whose score is further from the best one's is left out; a row or an item, which each
// speak of something else, sooner.
constexpr double kNearBest = 0.3;
constexpr double kNearBestLine = 0.15;

constexpr auto kReferring =
    std::to_array<std::string_view>({"this", "that", "these", "those", "it", "its", "they", "their",
                                     "such", "otherwise", "instead"});
constexpr auto kReferringPhrases = std::to_array<std::string_view>(
    {"in this case", "in that case", "in such case", "in this way", "in this mode"});

/// Whether the sentence begins with a word for something said before it.
bool refers_back(std::string_view sentence) {
  std::string start(sentence.substr(0, 20));
  std::ranges::transform(start, start.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  const auto words = base::words(start);
  if (words.empty()) return false;
  const auto begins = [&](std::string_view phrase) { return start.starts_with(phrase); };
  return std::ranges::find(kReferring, words.front().text) != kReferring.end() ||
         std::ranges::any_of(kReferringPhrases, begins);
}

class Selection {
 public:
  Selection(std::span<const Evidence> evidence, std::span<const contract::Hit> sources)
      : evidence_(evidence), sources_(sources) {}

  std::vector<std::size_t> select(std::size_t count) {
    const std::vector<std::size_t> ranking = ranked();
    for (const std::size_t i : ranking) {
      if (picked_.size() == count) break;
      if (said(i) || !near(i, ranking.front())) continue;
      std::size_t start = start_of(i);
      const std::size_t room = count - picked_.size();
      if (i - start >= room) {
        if (!picked_.empty()) continue;
        start = i + 1 - room;
      }
      for (std::size_t j = start; j <= i; ++j) pick(j);
    }
    std::ranges::sort(picked_, {}, [this](std::size_t i) {
      const auto place = std::ranges::find(paragraphs_, paragraph(i));
      return std::pair(place - paragraphs_.begin(), i);
    });
    return std::move(picked_);
  }

 private:
  using Paragraph = std::pair<std::size_t, std::size_t>;  // Source, and where it begins there.

  [[nodiscard]] std::vector<std::size_t> ranked() const {
    std::vector<std::size_t> ranking(evidence_.size());
    std::iota(ranking.begin(), ranking.end(), 0);
    std::ranges::sort(ranking, {},
                      [this](std::size_t i) { return std::pair(-evidence_[i].score, i); });
    return ranking;
  }

  [[nodiscard]] bool near(std::size_t index, std::size_t best) const {
    const double distance = is_line(evidence_[index].sentence) ? kNearBestLine : kNearBest;
    return evidence_[best].score - evidence_[index].score <= distance;
  }

  /// Where one has to begin to read so that sentence `index` is understood, unless that is said.
  [[nodiscard]] std::size_t start_of(std::size_t index) const {
    for (; index > 0; --index) {
      const Evidence& one = evidence_[index];
      const Evidence& before = evidence_[index - 1];
      if (is_line(one.sentence) || !refers_back(text(index)) || said(index - 1)) break;
      if (before.source != one.source || before.sentence.heading != one.sentence.heading) break;
    }
    return index;
  }

  void pick(std::size_t index) {
    if (!said_.insert(text(index)).second) return;
    picked_.push_back(index);
    if (std::ranges::find(paragraphs_, paragraph(index)) == paragraphs_.end())
      paragraphs_.push_back(paragraph(index));
  }

  [[nodiscard]] bool said(std::size_t index) const { return said_.contains(text(index)); }
  [[nodiscard]] std::string_view text(std::size_t index) const {
    const Evidence& one = evidence_[index];
    return one.sentence.range.of(sources_[one.source].text);
  }
  [[nodiscard]] Paragraph paragraph(std::size_t index) const {
    return {evidence_[index].source, evidence_[index].sentence.paragraph.begin};
  }

  std::span<const Evidence> evidence_;
  std::span<const contract::Hit> sources_;
  std::vector<std::size_t> picked_;
  std::vector<Paragraph> paragraphs_;  // In the order of their first pick.
  std::unordered_set<std::string_view> said_;
};

}  // namespace

std::vector<std::size_t> select_evidence(std::span<const Evidence> evidence, std::size_t count,
                                         std::span<const contract::Hit> sources) {
  return Selection(evidence, sources).select(count);
}

}  // namespace opaline::services
