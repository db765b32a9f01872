#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace opaline::services {

/// A passage to choose from.
struct MmrCandidate {
  double relevance = 0;           ///< To the question; any scale that fits cosines, 0 … 1.
  std::span<const float> vector;  ///< Unit length, all of one dimension. Borrowed.
};

/// Maximal marginal relevance: picks one after another the candidate with the most lambda ·
/// relevance − (1 − lambda) · (largest cosine to those picked), the earlier one of equals.
/// @param lambda: 1 = relevance only, 0 = diversity only. @return indexes in the order picked, at
/// most `count`.
[[nodiscard]] std::vector<std::size_t> maximal_marginal_relevance(
    std::span<const MmrCandidate> candidates, double lambda, std::size_t count);

}  // namespace opaline::services
