#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace opaline::engine {

/// Writes the BERT encoder in `folder` (config.json, vocab.txt, model.safetensors,
/// special_tokens_map.json, 1_Pooling/config.json, as sentence-transformers lays them out) to
/// `gguf`: matrices f16, the rest f32, with the keys and tensor names llama.cpp's own converter
/// gives them. Overwrites `gguf`; no partial file is left on error.
/// @error not_found: a file is missing; invalid_argument: a file is malformed or not of a BERT
/// encoder; says which; unavailable: `gguf` cannot be written.
[[nodiscard]] base::Result<void> convert_bert(const std::filesystem::path& folder,
                                              const std::filesystem::path& gguf);

}  // namespace opaline::engine
