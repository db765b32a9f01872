#pragma once

#include <cstddef>
#include <span>

namespace opaline::services {

/// Token vectors of one text, row-major, each row of unit length.
struct TokenVectors {
  std::span<const float> values;
  std::size_t rows = 0;
};

/// Late interaction: for each token of `query` the cosine to the passage token most like it,
/// averaged over the query's tokens and clamped to 0 … 1. The first and last row of each ([CLS] and
/// [SEP]) stand for no word and are left out, unless there is nothing else. 0 when either is empty.
/// @param dimension floats in a row.
[[nodiscard]] double max_similarity(TokenVectors query, TokenVectors passage,
                                    std::size_t dimension);

}  // namespace opaline::services
