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
    for (const Sentence& sentence : sentences(hit.text))
      all.push_back(stems(sentence.range.of(hit.text)));
  }
  return WordWeights(all);
}

}  // namespace

SupportCheck::SupportCheck(std::span<const contract::Hit> sources) : weights_(weights_of(sources)) {
  for (std::size_t source = 0; source < sources.size(); ++source) {
    const std::string_view text = sources[source].text;
    headings_.push_back(stems(sources[source].title + " " + sources[source].title_path));
    const std::vector<Sentence> all = sentences(text);
    for (std::size_t i = 0; i < all.size(); ++i) {
      StemSet words = stems(all[i].range.of(text));
      const StemSet label = stems(all[i].label.of(text));
      words.insert(label.begin(), label.end());
      if (i + 1 < all.size()) {
        StemSet both = stems(all[i + 1].range.of(text));
        both.insert(words.begin(), words.end());
        windows_.push_back({source, {all[i].range.begin, all[i + 1].range.end}, std::move(both)});
      }
      windows_.push_back({source, all[i].range, std::move(words)});
    }
  }
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
