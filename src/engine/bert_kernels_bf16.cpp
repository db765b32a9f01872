// The levels that multiply bf16: by vectors (Zen 4, Cooper Lake) and by tiles (AMX: Sapphire
// Rapids).
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "engine/bert_kernels.hpp"

namespace opaline::engine {
namespace {

#pragma clang attribute push(                                                            \
    __attribute__((                                                                      \
        target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,amx-tile,amx-bf16"))), \
    apply_to = function)

constexpr std::size_t kLanes = 16;
#include "engine/bert_kernels.inc"

enum class Bf16 : std::uint16_t {};

struct VectorUnit {
  using Element = Bf16;
  static constexpr std::size_t kRowStep = 8;

  /// Rounded to the nearest, ties to even.
  static Bf16 element(float value) {
    const auto bits = __builtin_bit_cast(std::uint32_t, value);
    return static_cast<Bf16>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
  }
  static void store(Bf16* to, Floats low, Floats high) {
    const __m512bh both = _mm512_cvtne2ps_pbh(high, low);
    __builtin_memcpy(to, &both, sizeof(both));
  }
  static void weave(Bf16* to, const Bf16* first, const Bf16* second) {
    const auto wide = [](const Bf16* from) {
      return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
    };
    _mm512_storeu_si512(to, _mm512_or_si512(wide(first), _mm512_slli_epi32(wide(second), 16)));
  }
  static __m512bh words(const Bf16* from) {
    __m512bh vector;
    __builtin_memcpy(&vector, from, sizeof(vector));
    return vector;
  }
  static __m512bh broadcast_word(const Bf16* from) {
    std::int32_t word;
    __builtin_memcpy(&word, from, sizeof(word));
    return __builtin_bit_cast(__m512bh, _mm512_set1_epi32(word));
  }
  static Floats add_product(Floats sum, __m512bh a, __m512bh b) {
    return _mm512_dpbf16_ps(sum, a, b);
  }
  template <class Out>
  static void product(const Bf16* rows, BertKernels::Extent extent, const Bf16* packed,
                      const Out& out) {
    product_by_vectors<VectorUnit>(rows, extent, packed, out);
  }
};

/// Sums in tiles 0 … 3, a block of 32 x 32; rows in 4 and 5, weights in 6 and 7. All of 16 x 64
/// bytes.
class TileUnit {
 public:
  using Element = Bf16;
  static constexpr std::size_t kRowStep = 32;

  TileUnit() {
    _tile_storeconfig(&before_);
    Configuration ours{};
    ours.palette = 1;
    for (int tile = 0; tile < 8; ++tile) {
      ours.row_bytes[tile] = 64;
      ours.rows[tile] = 16;
    }
    _tile_loadconfig(&ours);
  }
  /// As it was: llama.cpp configures a thread's tiles once.
  ~TileUnit() {
    if (before_.palette == 0) {
      _tile_release();
    } else {
      _tile_loadconfig(&before_);
    }
  }
  TileUnit(const TileUnit&) = delete;
  TileUnit& operator=(const TileUnit&) = delete;

  static Bf16 element(float value) { return VectorUnit::element(value); }
  static void store(Bf16* to, Floats low, Floats high) { VectorUnit::store(to, low, high); }
  static void weave(Bf16* to, const Bf16* first, const Bf16* second) {
    VectorUnit::weave(to, first, second);
  }

  /// A block's sums leave the tiles through memory. They are taken out of there step by step while
  /// the next block is multiplied, because a core does both at once.
  template <class Out>
  static void product(const Bf16* rows, BertKernels::Extent extent, const Bf16* packed,
                      const Out& out) {
    alignas(BertKernels::kAlignment) float sums[2][kBlock * kBlock];
    float* current = sums[0];
    Finished finished{.sums = sums[1]};
    const std::size_t steps = extent.in / kDepth;
    const std::size_t rows_a_step = (kBlock + steps - 1) / steps;
    const std::size_t stride_bytes = extent.stride * sizeof(Bf16);
    for (std::size_t column = 0; column < extent.out; column += kBlock) {
      for (std::size_t row = 0; row < extent.rows; row += kBlock) {
        const Bf16* upper = rows + row * extent.stride;
        const Bf16* lower = upper + kBlock / 2 * extent.stride;
        const Bf16* left = packed + column * extent.in;
        const Bf16* right = left + kBlock / 2 * extent.in;
        const bool tall = extent.rows - row > kBlock / 2;
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        for (std::size_t in = 0; in < extent.in; in += kDepth) {
          // Rows are read once a panel, weights once a block: the hint keeps the weights in the
          // cache.
          _tile_stream_loadd(4, upper + in, stride_bytes);
          _tile_loadd(6, left + in * kBlock / 2, kWeightStride);
          _tile_loadd(7, right + in * kBlock / 2, kWeightStride);
          _tile_dpbf16ps(0, 4, 6);
          _tile_dpbf16ps(1, 4, 7);
          if (tall) {
            _tile_stream_loadd(5, lower + in, stride_bytes);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
          }
          finished.take_out(rows_a_step, out);
        }
        finished.take_out(kBlock, out);
        _tile_stored(0, current, kSumStride);
        _tile_stored(1, current + kBlock / 2, kSumStride);
        if (tall) {
          _tile_stored(2, current + kBlock * kBlock / 2, kSumStride);
          _tile_stored(3, current + kBlock * kBlock / 2 + kBlock / 2, kSumStride);
        }
        std::swap(current, finished.sums);
        finished.row = row;
        finished.row_end = std::min(extent.rows, row + kBlock);
        finished.column = column;
        finished.next = finished.sums;
      }
    }
    finished.take_out(kBlock, out);
  }

 private:
  static constexpr std::size_t kBlock = 32;
  static constexpr std::size_t kDepth = 32;
  static constexpr std::size_t kWeightStride = kBlock / 2 * sizeof(float);
  static constexpr std::size_t kSumStride = kBlock * sizeof(float);

  struct alignas(BertKernels::kAlignment) Configuration {  // Intel SDM volume 1, 18.2.
    std::uint8_t palette = 0;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {};
    std::uint8_t rows[16] = {};
  };
  static_assert(sizeof(Configuration) == 64);

  /// The block before, and what of it is still to be taken out.
  struct Finished {
    float* sums = nullptr;
    const float* next = nullptr;
    std::size_t row = 0;
    std::size_t row_end = 0;
    std::size_t column = 0;

    template <class Out>
    void take_out(std::size_t count, const Out& out) {
      for (; count > 0 && row < row_end; --count, ++row, next += kBlock)
        out(row, column, load(next), load(next + kLanes));
    }
  };

  Configuration before_;
};
static_assert(BertKernels::kSlackRows >= TileUnit::kRowStep);

#pragma clang attribute pop

bool has_avx512_bf16() {
  return __builtin_cpu_supports("x86-64-v4") != 0 && __builtin_cpu_supports("avx512bf16") != 0;
}

/// Linux gives a process the tiles' state when it asks for it, or not.
bool has_amx() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileState = 18;              // XFEATURE_XTILEDATA
  return has_avx512_bf16() && __builtin_cpu_supports("amx-tile") != 0 &&
         __builtin_cpu_supports("amx-bf16") != 0 &&
         ::syscall(SYS_arch_prctl, kRequestPermission, kTileState) == 0;
}

}  // namespace

constexpr BertKernels kBertAmx = kernels_of<TileUnit>("amx", has_amx);
constexpr BertKernels kBertAvx512Bf16 = kernels_of<VectorUnit>("avx512_bf16", has_avx512_bf16);

}  // namespace opaline::engine
