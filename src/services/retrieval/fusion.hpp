#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace opaline::services {

/// A passage that some index proposed, and what each stage thinks of it.
struct Candidate {
  std::int64_t id = 0;
  std::optional<double> dense;    ///< Cosine.
  std::optional<double> keyword;  ///< BM25.
  double fused = 0;
};

/// One index's proposal: passage and score.
struct Proposal {
  std::int64_t id = 0;
  double score = 0;
};

/// Both proposals as one list, each passage once: first the dense ones in order, then the others.
/// `fused` is left 0.
[[nodiscard]] std::vector<Candidate> merge(std::span<const Proposal> dense,
                                           std::span<const Proposal> keyword);

struct FusionWeights {
  double dense = 0.55;  ///< 0 … 1; keyword gets the rest.
  double keyword_ceiling =
      0;  ///< The BM25 of a passage that has all words of the question at their best; > 0.
};

/// Sets fused = dense · max(0, cosine) + (1 − dense) · min(1, BM25 / ceiling), best first (equal
/// scores: lower id first).
///
/// Normalised by what is attainable and not by the best candidate: when the passages share only a
/// common word with the question, their BM25 is far below the ceiling and counts for little, so
/// that paraphrased questions follow the vectors and questions with names and codes follow the
/// words.
void fuse_weighted(std::vector<Candidate>& candidates, FusionWeights weights);

/// Sets fused = Σ weight / (60 + place), scaled so that first in both is 1; best first.
/// `dense_weight` as above. Places are those among the candidates that have the score.
void fuse_reciprocal_rank(std::vector<Candidate>& candidates, double dense_weight);

}  // namespace opaline::services
