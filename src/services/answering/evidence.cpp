#include "services/answering/evidence.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/words.hpp"

namespace opaline::services {
namespace {

// Found on questions about a manual of 1 170 pages (docs/evaluation.md); results change little for
// ± 30 % of any of them.
constexpr double kCoverageWeight = 0.5;
constexpr double kPlaceWeight = 0.05;     // Of each source before it.
constexpr double kFragmentPenalty = 0.2;  // Fewer words than a sentence has.
constexpr double kQuantityBonus = 0.1;
constexpr double kPropertyBonus = 0.1;
constexpr double kNoveltyBonus =
    0.1;  // Of words that the question does not have: an answer says something new.
constexpr double kNoveltyWords = 6;
constexpr std::size_t kFragmentWords = 4;

constexpr auto kMeasures = std::to_array<std::string_view>(
    {"many", "much", "long", "large", "big", "often", "far", "fast", "old", "strongly"});
constexpr auto kQuantities = std::to_array<std::string_view>(
    {"maximum", "max", "minimum", "min", "size", "range", "limit", "port", "number", "share",
     "percentage", "code", "timeout", "interval", "threshold", "fewer"});
constexpr auto kProperties = std::to_array<std::string_view>({"default", "maximum", "minimum"});
constexpr auto kNumberWords =
    std::to_array<std::string_view>({"zero", "one", "two", "three", "four", "five", "six", "seven",
                                     "eight", "nine", "ten", "twelve", "hundred", "thousand"});

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

std::string lower(std::string_view word) {
  std::string folded(word);
  std::ranges::transform(folded, folded.begin(),
                         [](char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; });
  return folded;
}

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::ranges::find(list, word) != list.end();
}

bool has_quantity(const std::vector<base::Word>& words) {
  return std::ranges::any_of(words, [](const base::Word& word) {
    return std::ranges::any_of(word.text, is_digit) || one_of(lower(word.text), kNumberWords);
  });
}

std::string heading(const contract::Hit& hit) {
  const std::string& path = hit.title_path.empty() ? hit.title : hit.title_path;
  const std::size_t last = path.rfind(" > ");
  return last == std::string::npos ? path : path.substr(last + 3);
}

void add(StemSet& set, const StemSet& more) { set.insert(more.begin(), more.end()); }

}  // namespace

bool is_name(std::string_view word, bool at_start) {
  if (word.contains('_') || std::ranges::any_of(word, is_digit)) return true;
  const std::string_view inner =
      at_start ? word.substr(std::min<std::size_t>(1, word.size())) : word;
  const bool shouted = at_start && std::ranges::all_of(word, is_upper);
  return !shouted && std::ranges::any_of(inner, is_upper);
}

StemSet stems(std::string_view text) {
  StemSet found;
  for (const base::Word& word : base::words(text)) {
    found.insert(base::word_stem(word.text));
    // The parts of an identifier count too: "wal_level" speaks about "wal".
    for (std::size_t at = 0; word.text.contains('_') && at < word.text.size();) {
      const std::size_t end = std::min(word.text.find('_', at), word.text.size());
      if (end > at) found.insert(base::word_stem(word.text.substr(at, end - at)));
      at = end + 1;
    }
  }
  return found;
}

QuestionProfile QuestionProfile::of(std::string_view question) {
  QuestionProfile profile;
  std::vector<std::string> all;
  std::string previous;
  bool at_start = true;
  for (const base::Word& word : base::words(question)) {
    const std::string folded = lower(word.text);
    const std::string stem = base::word_stem(word.text);
    const auto add_once = [&](std::vector<std::string>& list) {
      if (std::ranges::find(list, stem) == list.end()) list.push_back(stem);
    };
    add_once(all);
    if (!base::is_stop_word(word.text)) {
      add_once(profile.stems);
      if (is_name(word.text, at_start)) add_once(profile.names);
    }
    if ((previous == "how" && one_of(folded, kMeasures)) || one_of(folded, kQuantities))
      profile.wants_quantity = true;
    if (one_of(folded, kProperties)) add_once(profile.properties);
    previous = folded;
    const std::string_view after = question.substr(word.end());
    at_start = after.starts_with('.') || after.starts_with('?') || after.starts_with('!');
  }
  if (profile.stems.empty()) profile.stems = std::move(all);
  return profile;
}

WordWeights::WordWeights(std::span<const StemSet> sentences)
    : total_(static_cast<double>(sentences.size())) {
  for (const StemSet& sentence : sentences) {
    for (const std::string& stem : sentence) ++counts_[stem];
  }
}

double WordWeights::weight(const std::string& stem) const {
  const auto found = counts_.find(stem);
  const double count = found == counts_.end() ? 0 : found->second;
  return std::log(1 + (total_ - count + 0.5) / (count + 0.5));
}

double WordWeights::coverage(std::span<const std::string> wanted, const StemSet& present) const {
  double all = 0;
  double found = 0;
  for (const std::string& stem : wanted) {
    const double one = weight(stem);
    all += one;
    if (present.contains(stem)) found += one;
  }
  return all > 0 ? found / all : 1;
}

EvidenceBoard::EvidenceBoard(std::string_view question, std::span<const contract::Hit> sources)
    : profile_(QuestionProfile::of(question)), weights_({}) {
  std::vector<StemSet> own;       // Of each sentence and its label: what words are weighed by.
  std::vector<StemSet> contexts;  // With heading, label and paragraph so far.
  const StemSet asked(profile_.stems.begin(), profile_.stems.end());
  for (std::size_t source = 0; source < sources.size(); ++source) {
    const contract::Hit& hit = sources[source];
    const StemSet path = stems(hit.title + " " + hit.title_path);
    const std::string head = heading(hit);
    add(all_stems_, path);
    add(all_stems_, stems(hit.text));
    for (const Sentence& sentence : sentences(hit.text)) {
      const std::string_view text = sentence.range.of(hit.text);
      const StemSet words = stems(text);
      StemSet with_label = stems(sentence.label.of(hit.text));
      add(with_label, words);
      StemSet context = path;
      add(context, with_label);
      add(context, stems(sentence.paragraph.of(hit.text)));
      const auto spelled = base::words(text);
      Features features{.words = spelled.size(),
                        .has_quantity = has_quantity(spelled),
                        .row = text.contains(" | ")};
      const auto fresh =
          std::ranges::count_if(words, [&](const auto& stem) { return !asked.contains(stem); });
      features.novelty = std::min(1.0, static_cast<double>(fresh) / kNoveltyWords);
      features.has_property = std::ranges::any_of(
          profile_.properties, [&](const auto& stem) { return words.contains(stem); });
      evidence_.push_back(
          {.source = source, .sentence = sentence, .context = head + ": " + std::string(text)});
      features_.push_back(features);
      own.push_back(std::move(with_label));
      contexts.push_back(std::move(context));
    }
  }
  weights_ = WordWeights(own);
  for (std::size_t i = 0; i < evidence_.size(); ++i) {
    evidence_[i].coverage = weights_.coverage(profile_.stems, contexts[i]);
  }
}

void EvidenceBoard::score() {
  for (std::size_t i = 0; i < evidence_.size(); ++i) {
    Evidence& one = evidence_[i];
    const Features& features = features_[i];
    one.score = one.cosine + kCoverageWeight * one.coverage -
                kPlaceWeight * static_cast<double>(one.source) + kNoveltyBonus * features.novelty;
    if (features.words < kFragmentWords && !features.row) one.score -= kFragmentPenalty;
    if (profile_.wants_quantity && features.has_quantity) one.score += kQuantityBonus;
    if (features.has_property) one.score += kPropertyBonus;
  }
}

double EvidenceBoard::strength() const {
  const auto known = [&](const std::string& stem) { return all_stems_.contains(stem); };
  if (evidence_.empty() || !std::ranges::all_of(profile_.names, known)) return 0;
  const double cosine = std::ranges::max(evidence_, {}, &Evidence::cosine).cosine;
  return (2 * std::clamp(cosine, 0.0, 1.0) + weights_.coverage(profile_.stems, all_stems_)) / 3;
}

std::vector<std::size_t> EvidenceBoard::best(std::size_t count,
                                             std::span<const contract::Hit> sources) const {
  std::vector<std::size_t> order(evidence_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return evidence_[a].score != evidence_[b].score ? evidence_[a].score > evidence_[b].score
                                                    : a < b;
  });
  std::vector<std::size_t> picked;
  std::unordered_set<std::string_view> seen;
  for (const std::size_t i : order) {
    if (picked.size() == count) break;
    const Evidence& one = evidence_[i];
    if (seen.insert(one.sentence.range.of(sources[one.source].text)).second) picked.push_back(i);
  }
  std::ranges::sort(picked);
  return picked;
}

}  // namespace opaline::services
