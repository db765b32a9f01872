// The levels that multiply f32.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "engine/bert_kernels.hpp"

namespace opaline::engine {
namespace {

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))), \
                             apply_to = function)
namespace avx512 {
constexpr std::size_t kLanes = 16;
#include "engine/bert_kernels.inc"
}  // namespace avx512
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
namespace avx2 {
constexpr std::size_t kLanes = 8;
#include "engine/bert_kernels.inc"
}  // namespace avx2
#pragma clang attribute pop

namespace sse2 {
constexpr std::size_t kLanes = 4;
#include "engine/bert_kernels.inc"
}  // namespace sse2

bool has_avx512() { return __builtin_cpu_supports("x86-64-v4") != 0; }
bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
}
bool has_sse2() { return true; }

}  // namespace

constexpr BertKernels kBertAvx512 = avx512::kernels_of<avx512::F32Unit>("avx512", has_avx512);
constexpr BertKernels kBertAvx2 = avx2::kernels_of<avx2::F32Unit>("avx2", has_avx2);
constexpr BertKernels kBertSse2 = sse2::kernels_of<sse2::F32Unit>("sse2", has_sse2);

}  // namespace opaline::engine
