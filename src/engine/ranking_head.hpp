#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace opaline::engine {

/// What makes a cross-encoder of an encoder: a small classifier that turns the first token's vector
/// of a pair (question, passage) into one score. Models of the BERT and RoBERTa families; read from
/// the tensors "cls" (a layer with tanh, which not all have) and "cls.output". Never changes; any
/// thread.
class RankingHead {
 public:
  /// @return nullopt: `file` has none, it is no reranking model. @error as inspect_model();
  /// invalid_argument: it has one that gives more than one score, or of another kind.
  [[nodiscard]] static base::Result<std::optional<RankingHead>> find(
      const std::filesystem::path& file);

  /// How well the passage answers the question, 0 … 1: the logistic function of the model's score.
  /// @param first floats of the pair's first token, as many as the model's dimension.
  [[nodiscard]] float score(std::span<const float> first) const;

 private:
  std::vector<float> dense_;  ///< Row by row; empty: none.
  std::vector<float> dense_bias_;
  std::vector<float> output_;
  float output_bias_ = 0;
};

}  // namespace opaline::engine
