#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace opaline::contract {

/// Texts to turn into vectors. 1 … limits::kEmbeddingTexts texts.
struct EmbeddingRequest {
  std::vector<std::string> texts;
  std::string model;  ///< Empty: the service's own.
  /// What the result is for; bulk work (ingestion) yields to queries inside the engine.
  enum class Priority { query, bulk } priority = Priority::query;
};

/// One vector a text, in order, each of the model's dimension and unit length.
struct EmbeddingReply {
  std::vector<std::vector<float>> vectors;
  std::string model;
  std::uint64_t prompt_tokens = 0;
  std::vector<std::string> warnings;  ///< E.g. "input 3: 700 tokens, cut to 512".
};

}  // namespace opaline::contract
