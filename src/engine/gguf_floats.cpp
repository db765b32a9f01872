#include "engine/gguf_floats.hpp"

#include <ggml.h>

#include <cstring>

namespace opaline::engine {

std::optional<std::vector<float>> gguf_floats(std::span<const std::byte> file,
                                              const GgufHead::Tensor& tensor) {
  const auto type = static_cast<ggml_type>(tensor.ggml_type);
  const std::span<const std::byte> bytes = file.subspan(tensor.offset, tensor.bytes);
  std::vector<float> values(tensor.elements);
  if (type == GGML_TYPE_F32) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  const auto to_float = ggml_get_type_traits(type)->to_float;
  if (to_float == nullptr) return std::nullopt;
  to_float(bytes.data(), values.data(), static_cast<std::int64_t>(values.size()));
  return values;
}

}  // namespace opaline::engine
