#include "services/answering/support.hpp"

#include <algorithm>
#include <tuple>

#include "base/words.hpp"

namespace opaline::services {
namespace {

constexpr double kSufficient = 0.6;

struct Claim {
  std::vector<std::string> stems;
  std::vector<std::string> names;  // And numbers: each must stand in the source.
};

Claim claim_of(std::string_view sentence) {
  Claim claim;
  bool first = true;
  for (const base::Word& word : base::words(sentence)) {
    if (!base::is_stop_word(word.text)) {
      claim.stems.push_back(base::word_stem(word.text));
      if (is_name(word.text, first)) claim.names.push_back(claim.stems.back());
    }
    first = false;
  }
  return claim;
}

WordWeights weights_of(std::span<const contract::Hit> sources) {
  std::vector<StemSet> all;
  for (const contract::Hit& hit : sources) {
    for (const Sentence& sentence : sentences(hit.text, hit.title_path))
      all.push_back(stems(sentence.range.of(hit.text)));
  }
  return WordWeights(all);
}

}  // namespace

SupportCheck::SupportCheck(std::span<const contract::Hit> sources) : weights_(weights_of(sources)) {
  for (std::size_t source = 0; source < sources.size(); ++source) {
    const contract::Hit& hit = sources[source];
    headings_.push_back(stems(hit.title + " " + hit.title_path));
    std::optional<Window> last;
    std::size_t covered = 0;
    for (const Sentence& sentence : sentences(hit.text, hit.title_path)) {
      Window window{source, sentence.range, stems(sentence.range.of(hit.text))};
      const StemSet term = stems(sentence.term.of(hit.text));
      window.words.insert(term.begin(), term.end());
      const Range between{covered, sentence.range.begin};
      if (add_lines(hit.text, source, between)) last.reset();
      if (last) {
        Window both{source, {last->range.begin, window.range.end}, window.words};
        both.words.insert(last->words.begin(), last->words.end());
        windows_.push_back(std::move(both));
      }
      covered = sentence.range.end;
      last = window;
      windows_.push_back(std::move(window));
    }
    add_lines(hit.text, source, {covered, hit.text.size()});
  }
}

bool SupportCheck::add_lines(std::string_view text, std::size_t source, Range range) {
  const std::size_t before = windows_.size();
  for (std::size_t begin = range.begin; begin < range.end;) {
    const std::size_t end = std::min(text.find('\n', begin), range.end);
    const Range line{begin, end};
    StemSet words = stems(line.of(text));
    if (!words.empty()) windows_.push_back({source, line, std::move(words)});
    begin = end + 1;
  }
  return windows_.size() > before;
}

std::optional<Support> SupportCheck::find(std::string_view sentence,
                                          std::optional<std::size_t> only) const {
  const Claim claim = claim_of(sentence);
  if (claim.stems.empty()) return std::nullopt;
  std::optional<Support> best;
  for (const Window& window : windows_) {
    if (only && window.source != *only) continue;
    Support found{.source = window.source,
                  .range = window.range,
                  .containment = weights_.coverage(claim.stems, window.words)};
    const StemSet& heading = headings_[window.source];
    found.sufficient =
        found.containment >= kSufficient && std::ranges::all_of(claim.names, [&](const auto& name) {
          return window.words.contains(name) || heading.contains(name);
        });
    // Of equal ones the shortest quote.
    const auto rank = [](const Support& s) {
      return std::tuple(s.sufficient, s.containment,
                        -static_cast<double>(s.range.end - s.range.begin));
    };
    if (!best || rank(found) > rank(*best)) best = found;
  }
  return best;
}

}  // namespace opaline::services
