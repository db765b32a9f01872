#include "contract/hit.hpp"

namespace opaline::contract {

double Hit::score() const {
  if (scores.rerank) return *scores.rerank;
  if (scores.fused) return *scores.fused;
  if (scores.dense) return *scores.dense;
  return scores.bm25.value_or(0);
}

}  // namespace opaline::contract
