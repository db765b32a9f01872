#include "store/dot_product.hpp"

#include <array>

#include "base/assert.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace opaline::store {

namespace {

void scalar(const std::int8_t* query, const std::int8_t* rows, std::size_t stride,
            std::size_t count, std::int32_t* products) {
  for (std::size_t row = 0; row < count; ++row, rows += stride) {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < stride; ++i) sum += std::int32_t{query[i]} * std::int32_t{rows[i]};
    products[row] = sum;
  }
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) void avx2(const std::int8_t* query, const std::int8_t* rows,
                                          std::size_t stride, std::size_t count,
                                          std::int32_t* products) {
  for (std::size_t row = 0; row < count; ++row, rows += stride) {
    __m256i sum = _mm256_setzero_si256();
    // Widened to 16 bits first: the 8-bit multiply-add (maddubs) saturates.
    for (std::size_t i = 0; i < stride; i += 16) {
      const __m256i a =
          _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(query + i)));
      const __m256i b =
          _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(rows + i)));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
    }
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0b01'00'11'10));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0b10'11'00'01));
    products[row] = _mm_cvtsi128_si32(half);
  }
}

// VNNI multiplies unsigned by signed bytes: rows are shifted up by 128 (one xor), and what that
// adds, the same for all rows, is taken off again.
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void avx512_vnni(const std::int8_t* query,
                                                                        const std::int8_t* rows,
                                                                        std::size_t stride,
                                                                        std::size_t count,
                                                                        std::int32_t* products) {
  const __m512i shift = _mm512_set1_epi8(static_cast<char>(0x80));
  const auto at = [](const std::int8_t* bytes) __attribute__((target("avx512f"))) {
    return _mm512_load_si512(reinterpret_cast<const __m512i*>(bytes));
  };
  __m512i excess = _mm512_setzero_si512();
  for (std::size_t i = 0; i < stride; i += 64) {
    excess = _mm512_dpbusd_epi32(excess, shift, at(query + i));
  }

  std::size_t row = 0;
  for (; row + 4 <= count; row += 4, rows += 4 * stride) {
    __m512i a = _mm512_setzero_si512();
    __m512i b = a;
    __m512i c = a;
    __m512i d = a;
    for (std::size_t i = 0; i < stride; i += 64) {
      const __m512i q = at(query + i);
      a = _mm512_dpbusd_epi32(a, _mm512_xor_si512(at(rows + i), shift), q);
      b = _mm512_dpbusd_epi32(b, _mm512_xor_si512(at(rows + stride + i), shift), q);
      c = _mm512_dpbusd_epi32(c, _mm512_xor_si512(at(rows + 2 * stride + i), shift), q);
      d = _mm512_dpbusd_epi32(d, _mm512_xor_si512(at(rows + 3 * stride + i), shift), q);
    }
    products[row] = _mm512_reduce_add_epi32(_mm512_sub_epi32(a, excess));
    products[row + 1] = _mm512_reduce_add_epi32(_mm512_sub_epi32(b, excess));
    products[row + 2] = _mm512_reduce_add_epi32(_mm512_sub_epi32(c, excess));
    products[row + 3] = _mm512_reduce_add_epi32(_mm512_sub_epi32(d, excess));
  }
  for (; row < count; ++row, rows += stride) {
    __m512i a = _mm512_setzero_si512();
    for (std::size_t i = 0; i < stride; i += 64) {
      a = _mm512_dpbusd_epi32(a, _mm512_xor_si512(at(rows + i), shift), at(query + i));
    }
    products[row] = _mm512_reduce_add_epi32(_mm512_sub_epi32(a, excess));
  }
}

#endif

}  // namespace

std::vector<DotProductVariant> dot_product_variants() {
  std::vector<DotProductVariant> variants;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vnni")) {
    variants.push_back({"avx512_vnni", avx512_vnni});
  }
  if (__builtin_cpu_supports("avx2")) variants.push_back({"avx2", avx2});
#endif
  variants.push_back({"scalar", scalar});
  return variants;
}

double dot_product(std::span<const float> a, std::span<const float> b) {
  OPALINE_ASSERT(a.size() == b.size());
  // Four sums, so that one addition need not wait for the one before.
  std::array<double, 4> sums{};
  std::size_t i = 0;
  for (; i + 4 <= a.size(); i += 4) {
    for (std::size_t j = 0; j < 4; ++j) sums[j] += double{a[i + j]} * double{b[i + j]};
  }
  for (; i < a.size(); ++i) sums[0] += double{a[i]} * double{b[i]};
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace opaline::store
