#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/gguf_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto head = opaline::engine::check_gguf({reinterpret_cast<const std::byte*>(bytes), size});
  if (head) static_cast<void>(opaline::engine::check_gguf_model(*head));
  return 0;
}
