#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "engine/gguf_check.hpp"

namespace opaline::engine {

/// A tensor's values as floats. @param file the bytes that check_gguf() read `tensor` from.
/// @return nullopt: its type is not one of weights (integers).
[[nodiscard]] std::optional<std::vector<float>> gguf_floats(std::span<const std::byte> file,
                                                            const GgufHead::Tensor& tensor);

}  // namespace opaline::engine
