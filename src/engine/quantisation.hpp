#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace opaline::engine {

/// Writes `source` (a checked GGUF model) with its matrices as Q8_0 to `target`: half the size of
/// f16, the fastest kernels, and, unlike the K-quants, made for matrices whose rows are no multiple
/// of 256.
/// @error invalid_argument: llama.cpp refuses the model; unavailable: `target` cannot be written.
[[nodiscard]] base::Result<void> quantise_q8_0(const std::filesystem::path& source,
                                               const std::filesystem::path& target);

}  // namespace opaline::engine
