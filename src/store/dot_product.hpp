#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace opaline::store {

/// Rows of int8 are padded with zeros to a multiple of this many bytes, and aligned to it.
inline constexpr std::size_t kRowAlignment = 64;

/// Dot products of one int8 query with `count` rows of `stride` bytes that lie one after another:
/// exact integers, the same from every variant. `query` and `rows` are aligned to kRowAlignment,
/// `stride` is a multiple of it.
using DotProducts = void (*)(const std::int8_t* query, const std::int8_t* rows, std::size_t stride,
                             std::size_t count, std::int32_t* products);

struct DotProductVariant {
  std::string_view name;
  DotProducts function;
};
/// The variants that this processor can run, fastest first; the last one is plain C++.
[[nodiscard]] std::vector<DotProductVariant> dot_product_variants();

/// Of two vectors of one length, summed in double.
[[nodiscard]] double dot_product(std::span<const float> a, std::span<const float> b);

}  // namespace opaline::store
