#include "engine/bert_kernels.hpp"

#include <algorithm>

namespace opaline::engine {
namespace {

/// The level that a backend's level shows to run here.
const BertKernels* shown_by(std::string_view backend_level) {
  constexpr struct {
    std::string_view backend;
    const BertKernels* kernels;
  } kRows[] = {{"sapphirerapids", &kBertAmx},    {"zen4", &kBertAvx512Bf16},
               {"cooperlake", &kBertAvx512Bf16}, {"icelake", &kBertAvx512},
               {"cascadelake", &kBertAvx512},    {"cannonlake", &kBertAvx512},
               {"skylakex", &kBertAvx512},       {"alderlake", &kBertAvx2},
               {"haswell", &kBertAvx2}};
  for (const auto& row : kRows) {
    if (row.backend == backend_level) return row.kernels;
  }
  return &kBertSse2;
}

/// Intel's vectors multiply bf16 at half the speed of f32 (79 and 140 GFLOP/s on a Sapphire
/// Rapids), AMD's at twice.
bool is_slow(const BertKernels* level) {
  return level == &kBertAvx512Bf16 && __builtin_cpu_is("amd") == 0;
}

}  // namespace

const BertKernels& choose_bert_kernels(std::string_view backend_level) {
  const auto* level = std::ranges::find(kBertLevels, shown_by(backend_level));
  while (is_slow(*level) || !(*level)->supported()) ++level;  // The last one always is.
  return **level;
}

}  // namespace opaline::engine
