#pragma once

#include <cstddef>
#include <string>

#include "base/result.hpp"
#include "contract/embedding.hpp"

namespace opaline::services {

/// Reads the reply of an embedding server: TEI's [[…], …], or OpenAI's
/// {"data":[{"index","embedding"}]} with numbers or base64, usage and our "warnings". The hot half
/// of embedding JSON: a batch is megabytes of digits.
/// @param texts how many were sent: as many vectors must come, all of one dimension, each once.
/// @error invalid_argument: it is not that; says what is wrong.
[[nodiscard]] base::Result<contract::EmbeddingReply> read_embedding_reply(std::string body,
                                                                          std::size_t texts);

}  // namespace opaline::services
