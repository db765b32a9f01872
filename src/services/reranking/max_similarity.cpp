#include "services/reranking/max_similarity.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace opaline::services {
namespace {

TokenVectors words(TokenVectors tokens, std::size_t dimension) {
  OPALINE_ASSERT(tokens.values.size() == tokens.rows * dimension);
  if (tokens.rows <= 2) return tokens;
  return {.values = tokens.values.subspan(dimension, (tokens.rows - 2) * dimension),
          .rows = tokens.rows - 2};
}

// Eight sums at a time: without leave to reorder additions a compiler keeps a single one.
float dot(const float* a, const float* b, std::size_t dimension) {
  constexpr std::size_t kLanes = 8;
  float sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= dimension; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  float sum = 0;
  for (; i < dimension; ++i) sum += a[i] * b[i];
  for (const float one : sums) sum += one;
  return sum;
}

}  // namespace

double max_similarity(TokenVectors query, TokenVectors passage, std::size_t dimension) {
  query = words(query, dimension);
  passage = words(passage, dimension);
  if (query.rows == 0 || passage.rows == 0) return 0;
  double sum = 0;
  for (std::size_t q = 0; q < query.rows; ++q) {
    float best = -1;
    for (std::size_t p = 0; p < passage.rows; ++p) {
      best = std::max(best, dot(query.values.data() + q * dimension,
                                passage.values.data() + p * dimension, dimension));
    }
    sum += best;
  }
  return std::clamp(sum / static_cast<double>(query.rows), 0.0, 1.0);
}

}  // namespace opaline::services
