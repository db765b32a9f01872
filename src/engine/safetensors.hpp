#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace opaline::engine {

/// The tensors of a safetensors file, by name. They refer to the bytes that were parsed.
struct Safetensors {
  struct Tensor {
    std::string type;                  ///< "F32", "F16", "I64" …
    std::vector<std::uint64_t> shape;  ///< Outermost first, as in NumPy.
    std::span<const std::byte> bytes;
  };
  std::map<std::string, Tensor, std::less<>> tensors;
};

/// Layout: u64 length of the header, the header (JSON), then the tensors' bytes at the offsets the
/// header gives.
/// @error invalid_argument: truncated, wrong JSON, or a tensor whose offsets, shape and type
/// contradict each other.
[[nodiscard]] base::Result<Safetensors> parse_safetensors(std::span<const std::byte> file);

}  // namespace opaline::engine
