#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "contract/hit.hpp"
#include "services/answering/sentences.hpp"

namespace opaline::services {

using StemSet = std::unordered_set<std::string>;

/// What a question asks, as far as words tell.
struct QuestionProfile {
  std::vector<std::string> stems;  ///< Of its telling words, each once.
  std::vector<std::string> names;  ///< Stems of identifiers, numbers and proper names among them.
  bool wants_quantity = false;     ///< How many, how long, the maximum …
  bool wants_procedure = false;    ///< How do I, how can one …
  std::vector<std::string> properties;  ///< "default", "maximum" … as asked.

  [[nodiscard]] static QuestionProfile of(std::string_view question);
};

/// How telling each word is among the sentences of some passages: the rarer, the heavier; unknown
/// ones weigh most.
class WordWeights {
 public:
  explicit WordWeights(std::span<const StemSet> sentences);
  [[nodiscard]] double weight(const std::string& stem) const;
  /// The share (0 … 1) of the stems' weight that is in `present`; 1 of nothing.
  [[nodiscard]] double coverage(std::span<const std::string> stems, const StemSet& present) const;

 private:
  std::unordered_map<std::string, double> counts_;
  double total_ = 0;
};

/// A sentence of a source, and how well it answers.
struct Evidence {
  std::size_t source = 0;  ///< Index into the sources.
  Sentence sentence;
  std::string context;  ///< The headings it stands under and the sentence: what is compared with
                        ///< the question.
  double cosine = 0;    ///< Of context and question; set by the caller before score().
  double coverage = 0;  ///< Of the question's words, by headings, term, paragraph so far, sentence.
  double bonus = 0;     ///< Of a sentence that has what the question asks for.
  double score = 0;
};

/// All sentences of the sources, weighed against one question. Plain values; no I/O.
class EvidenceBoard {
 public:
  /// Copies what it needs of the sources.
  EvidenceBoard(std::string_view question, std::span<const contract::Hit> sources);

  [[nodiscard]] std::vector<Evidence>& evidence() { return evidence_; }
  [[nodiscard]] const std::vector<Evidence>& evidence() const { return evidence_; }
  [[nodiscard]] const QuestionProfile& profile() const { return profile_; }
  [[nodiscard]] const WordWeights& weights() const { return weights_; }

  /// Sets each sentence's score from its cosine, coverage, place and whether it has what is asked
  /// for.
  void score();
  /// How well the sources speak about the question at all, 0 … 1: the best cosine and the share of
  /// the question's words that they have. A name of the question that none of them has makes it 0.
  [[nodiscard]] double strength() const;

 private:
  QuestionProfile profile_;
  std::vector<Evidence> evidence_;
  WordWeights weights_;
  StemSet all_stems_;
};

/// The stems of all words of `text`.
[[nodiscard]] StemSet stems(std::string_view text);
/// Whether `word` is a thing's own name: it has a digit, '_', or a capital that no sentence start
/// explains. A word all in capitals is none.
[[nodiscard]] bool is_name(std::string_view word, bool at_start);

}  // namespace opaline::services
