#include "services/answering/evidence.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/words.hpp"

namespace opaline::services {
namespace {

// Chosen on one half of the questions about a manual of 1 170 pages, checked on the other
// (docs/evaluation.md). Results change little for ± 30 % of any of them.
constexpr double kCoverageWeight = 0.5;
constexpr double kPlaceWeight = 0.05;    // Of each source before it.
constexpr double kAskedBonus = 0.2;      // A number for a quantity, "the default is" for a default.
constexpr double kProcedureBonus = 0.1;  // A command or list for "how do I".
constexpr double kPointerPenalty = 0.2;  // "See section 3" is no answer.
constexpr double kFragmentPenalty = 0.2;  // Fewer words than a sentence has.
constexpr std::size_t kSentenceWords = 4;

constexpr auto kMeasures = std::to_array<std::string_view>(
    {"many", "much", "long", "large", "big", "often", "far", "fast", "old", "strongly"});
constexpr auto kQuantities = std::to_array<std::string_view>(
    {"maximum", "max", "minimum", "min", "size", "range", "limit", "port", "number", "share",
     "percentage", "code", "timeout", "interval", "threshold", "fewer"});
constexpr auto kProperties = std::to_array<std::string_view>({"default", "maximum", "minimum"});
constexpr auto kStating = std::to_array<std::string_view>({"is", "are", "of", "to"});
constexpr auto kPointing = std::to_array<std::string_view>(
    {"see ", "refer to ", "for more", "for details", "for information"});
constexpr auto kAuxiliaries = std::to_array<std::string_view>(
    {"do", "does", "can", "could", "to", "should", "would", "must"});
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

/// Whether the sentence says what one of the properties is: "the default value is", "by default".
bool states(const std::vector<base::Word>& words, const std::vector<std::string>& properties) {
  constexpr std::size_t kReach = 3;  // "default timeout value is"
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (std::ranges::find(properties, base::word_stem(words[i].text)) == properties.end()) continue;
    if (i > 0 && lower(words[i - 1].text) == "by") return true;
    for (std::size_t j = i + 1; j < std::min(words.size(), i + 1 + kReach); ++j) {
      if (one_of(lower(words[j].text), kStating)) return true;
    }
  }
  return false;
}

/// Whether the sentence only says where to read on.
bool points_elsewhere(std::string_view sentence) {
  const std::string start = lower(sentence.substr(0, 20));
  return sentence.ends_with(':') || std::ranges::any_of(kPointing, [&](std::string_view words) {
           return start.starts_with(words);
         });
}

/// The headings that a sentence stands under, from the title down to its term.
std::string place(const contract::Hit& hit, const Sentence& sentence) {
  const std::string& path = hit.title_path.empty() ? hit.title : hit.title_path;
  std::string text;
  const auto add = [&text](std::string_view part) {
    if (part.empty()) return;
    if (!text.empty()) text += ". ";
    text += part;
  };
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find(" > ", begin), path.size());
    add(std::string_view(path).substr(begin, end - begin));
    begin = end + 3;
  }
  for (const Range part : {sentence.heading, sentence.term}) {
    if (!path.contains(part.of(hit.text))) add(part.of(hit.text));
  }
  return text;
}

void add(StemSet& set, const StemSet& more) { set.insert(more.begin(), more.end()); }

}  // namespace

bool is_name(std::string_view word, bool at_start) {
  if (word.contains('_') || std::ranges::any_of(word, is_digit)) return true;
  const std::string_view inner =
      at_start ? word.substr(std::min<std::size_t>(1, word.size())) : word;
  // "RAM", "SQLSTATE": as often a general word as a thing's own name.
  const bool shouted = std::ranges::all_of(word, is_upper);
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
    if (previous == "how" && one_of(folded, kAuxiliaries)) profile.wants_procedure = true;
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
  std::vector<StemSet> own;       // Of each sentence and its term: what words are weighed by.
  std::vector<StemSet> contexts;  // With headings, term and paragraph so far.
  for (std::size_t source = 0; source < sources.size(); ++source) {
    const contract::Hit& hit = sources[source];
    const StemSet path = stems(hit.title + " " + hit.title_path);
    add(all_stems_, path);
    add(all_stems_, stems(hit.text));
    for (const Sentence& sentence : sentences(hit.text, hit.title_path)) {
      const std::string_view text = sentence.range.of(hit.text);
      StemSet said = stems(sentence.term.of(hit.text));
      add(said, stems(text));
      StemSet context = path;
      add(context, said);
      add(context, stems(sentence.heading.of(hit.text)));
      add(context, stems(sentence.paragraph.of(hit.text)));
      own.push_back(std::move(said));
      contexts.push_back(std::move(context));

      const auto words = base::words(text);
      Evidence one{.source = source, .sentence = sentence};
      one.context = place(hit, sentence) + ": " + std::string(text);
      if (profile_.wants_quantity && has_quantity(words)) one.bonus += kAskedBonus;
      if (states(words, profile_.properties)) one.bonus += kAskedBonus;
      if (profile_.wants_procedure && sentence.kind == Sentence::Kind::block)
        one.bonus += kProcedureBonus;
      if (points_elsewhere(text)) one.bonus -= kPointerPenalty;
      if (!is_line(sentence) && words.size() < kSentenceWords) one.bonus -= kFragmentPenalty;
      evidence_.push_back(std::move(one));
    }
  }
  weights_ = WordWeights(own);
  for (std::size_t i = 0; i < evidence_.size(); ++i) {
    evidence_[i].coverage = weights_.coverage(profile_.stems, contexts[i]);
  }
}

void EvidenceBoard::score() {
  for (Evidence& one : evidence_) {
    one.score = one.cosine + kCoverageWeight * one.coverage + one.bonus -
                kPlaceWeight * static_cast<double>(one.source);
  }
}

double EvidenceBoard::strength() const {
  const auto known = [&](const std::string& stem) { return all_stems_.contains(stem); };
  if (evidence_.empty() || !std::ranges::all_of(profile_.names, known)) return 0;
  const double cosine = std::ranges::max(evidence_, {}, &Evidence::cosine).cosine;
  return (2 * std::clamp(cosine, 0.0, 1.0) + weights_.coverage(profile_.stems, all_stems_)) / 3;
}

}  // namespace opaline::services
