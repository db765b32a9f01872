#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace opaline::engine {

/// The arithmetic of a BERT encoder for one level of CPU: plain functions over the caller's memory,
/// each on the caller's thread.
///
/// Products are of "elements": bf16 where the CPU multiplies them, else f32. Sums, norms and the
/// softmax are f32 everywhere. Rows of elements are read up to kSlackRows past the last one, so
/// each block of them is allocated with that many more; what lies there is never looked at.
struct BertKernels {
  static constexpr std::size_t kSlackRows = 32;
  /// Widths of matrices and of attention heads are multiples of this.
  static constexpr std::size_t kWidthStep = 32;
  static constexpr std::size_t kAlignment = 64;

  /// `count` rows of elements that begin `stride` elements apart.
  struct Rows {
    std::byte* first = nullptr;
    std::size_t count = 0;
    std::size_t stride = 0;
  };
  /// Of a product: `rows` of `in` elements that begin `stride` apart, times `out` columns.
  struct Extent {
    std::size_t rows = 0;
    std::size_t stride = 0;
    std::size_t in = 0;
    std::size_t out = 0;
  };
  /// A linear layer of `in` inputs and `out` outputs; `packed` is pack()'s.
  struct Layer {
    const std::byte* packed = nullptr;
    const float* bias = nullptr;
    std::size_t in = 0;
    std::size_t out = 0;
  };
  struct Norm {
    const float* weight = nullptr;
    const float* bias = nullptr;
    float epsilon = 0;
  };
  /// Attention within one sequence. `projected` holds query, key and value of a token beside each
  /// other, all heads of each; `mixed` takes all heads' results.
  struct Attention {
    Rows projected;
    std::byte* mixed = nullptr;
    std::size_t mixed_stride = 0;
    std::size_t heads = 0;
    std::size_t head_width = 0;
    std::byte* scratch = nullptr;  ///< scratch_bytes(projected.count, head_width).
  };

  std::string_view level;  ///< "amx", "avx512_bf16", "avx512", "avx2" or "sse2".
  std::size_t element_bytes;
  /// Whether this machine runs it: to be asked before anything else, because AMX's registers are to
  /// be asked for.
  bool (*supported)();

  /// Packs `out` rows of `in` weights, for project(), into `out` * `in` elements.
  void (*pack)(const float* weight, const Layer& layer, std::byte* packed);
  /// output = input · weight + bias
  void (*project)(const Rows& input, const Layer& layer, const Rows& output);
  /// output = GELU(input · weight + bias), the exact GELU (by erf) to 1e-4.
  void (*project_gelu)(const Rows& input, const Layer& layer, const Rows& output);
  /// sums += input · weight + bias; rows of `layer.out` floats.
  void (*project_add)(const Rows& input, const Layer& layer, float* sums);
  std::size_t (*scratch_bytes)(std::size_t tokens, std::size_t head_width);
  void (*attend)(const Attention& attention);
  /// Layer norm of rows of `width` floats in place, and as elements in `output`.
  void (*normalise)(float* rows, std::size_t width, const Norm& norm, const Rows& output);
};

extern const BertKernels kBertAmx;         ///< bf16 in tiles of 16 x 16.
extern const BertKernels kBertAvx512Bf16;  ///< bf16 in vectors.
extern const BertKernels kBertAvx512;      ///< f32 in vectors, as the rest.
extern const BertKernels kBertAvx2;
extern const BertKernels kBertSse2;  ///< Every x86-64 machine.

/// All levels, best first.
inline constexpr std::array kBertLevels = {&kBertAmx, &kBertAvx512Bf16, &kBertAvx512, &kBertAvx2,
                                           &kBertSse2};

/// The best level that this machine supports and that asks no more of it than `backend_level` (as
/// Backend::level() tells it), which has been seen to run.
[[nodiscard]] const BertKernels& choose_bert_kernels(std::string_view backend_level);

}  // namespace opaline::engine
