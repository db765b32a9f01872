#pragma once

#include <cstddef>
#include <memory>

#include "base/result.hpp"
#include "engine/token_encoder.hpp"

namespace opaline::engine {

struct LlamaTokenEncoderSettings {
  std::size_t window_tokens = 512;
  std::size_t batch_tokens = 256;
};

/// A TokenEncoder by llama.cpp, for every encoder it knows: two contexts of one thread, because
/// flash attention is three times faster on a full batch and up to twice as slow on a single short
/// text.
[[nodiscard]] base::Result<std::unique_ptr<TokenEncoder>> create_llama_token_encoder(
    const LoadedModel& model, LlamaTokenEncoderSettings settings);

}  // namespace opaline::engine
