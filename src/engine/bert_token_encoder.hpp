#pragma once

#include <cstddef>
#include <memory>

#include "engine/bert_model.hpp"
#include "engine/token_encoder.hpp"

namespace opaline::engine {

/// A TokenEncoder by our own kernels: some times as fast as llama.cpp on a batch, because a
/// sequence attends only to itself, nothing is padded, and activations stay bf16 (see
/// docs/decisions/0006). `model` must outlive it. @param tokens_max of all sequences of one call.
[[nodiscard]] std::unique_ptr<TokenEncoder> create_bert_token_encoder(const BertModel& model,
                                                                      std::size_t tokens_max);

}  // namespace opaline::engine
