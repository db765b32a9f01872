#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto file =
      opaline::engine::parse_safetensors({reinterpret_cast<const std::byte*>(bytes), size});
  std::size_t sum = 0;
  if (file) {
    for (const auto& [name, tensor] : file->tensors) {
      for (const std::byte byte : tensor.bytes) sum += static_cast<std::size_t>(byte);
    }
  }
  return sum == static_cast<std::size_t>(-1) ? 1 : 0;
}
