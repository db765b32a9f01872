#include "engine/llama_token_encoder.hpp"

#include <llama.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace opaline::engine {
namespace {

constexpr std::size_t kShortTokens = 64;    // Up to here without flash attention.
constexpr std::size_t kSequencesMax = 256;  // LLAMA_MAX_SEQ.

struct ContextDeleter {
  void operator()(llama_context* context) const { llama_free(context); }
};
using Context = std::unique_ptr<llama_context, ContextDeleter>;

Context create_context(llama_model* model, std::size_t tokens, llama_flash_attn_type attention) {
  llama_context_params settings = llama_context_default_params();
  settings.n_ctx = static_cast<std::uint32_t>(tokens);
  settings.n_batch = static_cast<std::uint32_t>(tokens);
  settings.n_ubatch = static_cast<std::uint32_t>(tokens);
  settings.n_seq_max = static_cast<std::uint32_t>(std::min(tokens, kSequencesMax));
  settings.n_threads = 1;
  settings.n_threads_batch = 1;
  settings.embeddings = true;
  settings.pooling_type = LLAMA_POOLING_TYPE_NONE;
  settings.flash_attn_type = attention;
  settings.no_perf = true;
  return Context(llama_init_from_model(model, settings));
}

class LlamaTokenEncoder final : public TokenEncoder {
 public:
  LlamaTokenEncoder(const LoadedModel& model, std::size_t tokens_max)
      : short_(create_context(model.model(), kShortTokens, LLAMA_FLASH_ATTN_TYPE_DISABLED)),
        long_(create_context(model.model(), tokens_max, LLAMA_FLASH_ATTN_TYPE_ENABLED)),
        batch_(llama_batch_init(static_cast<std::int32_t>(tokens_max), 0, 1)),
        dimension_(static_cast<std::size_t>(llama_model_n_embd_out(model.model()))),
        tokens_max_(tokens_max) {}
  ~LlamaTokenEncoder() override { llama_batch_free(batch_); }

  [[nodiscard]] bool ready() const { return short_ != nullptr && long_ != nullptr; }

  base::Result<std::span<const float>> encode(std::span<const TokenSequence> sequences) override {
    // llama.cpp aborts the process when more than a context's tokens come at once.
    OPALINE_ASSERT(!sequences.empty() && sequences.size() <= kSequencesMax);
    batch_.n_tokens = 0;
    for (std::size_t i = 0; i < sequences.size(); ++i)
      append(sequences[i].tokens, static_cast<llama_seq_id>(i));
    const auto tokens = static_cast<std::size_t>(batch_.n_tokens);
    llama_context* context = tokens <= kShortTokens ? short_.get() : long_.get();
    const int status = llama_encode(context, batch_);
    if (status != 0) {
      return base::fail(base::ErrorCode::internal, "the embedding model failed",
                        "llama_encode returned " + std::to_string(status));
    }
    const float* rows = llama_get_embeddings(context);
    OPALINE_ASSERT(rows != nullptr);
    return std::span(rows, tokens * dimension_);
  }

  [[nodiscard]] std::size_t dimension() const override { return dimension_; }

 private:
  void append(std::span<const Token> tokens, llama_seq_id sequence) {
    OPALINE_ASSERT(!tokens.empty());
    OPALINE_ASSERT(static_cast<std::size_t>(batch_.n_tokens) + tokens.size() <= tokens_max_);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const std::int32_t at = batch_.n_tokens++;
      batch_.token[at] = tokens[i];
      batch_.pos[at] = static_cast<llama_pos>(i);
      batch_.n_seq_id[at] = 1;
      batch_.seq_id[at][0] = sequence;
      batch_.logits[at] = 1;
    }
  }

  Context short_;
  Context long_;
  llama_batch batch_;
  std::size_t dimension_;
  std::size_t tokens_max_;
};

}  // namespace

base::Result<std::unique_ptr<TokenEncoder>> create_llama_token_encoder(
    const LoadedModel& model, LlamaTokenEncoderSettings settings) {
  const std::size_t tokens_max =
      std::max({settings.window_tokens, settings.batch_tokens, kShortTokens});
  auto encoder = std::make_unique<LlamaTokenEncoder>(model, tokens_max);
  if (!encoder->ready()) {
    return base::fail(base::ErrorCode::invalid_argument,
                      "llama.cpp cannot run the model " + model.description().file.string());
  }
  return encoder;
}

}  // namespace opaline::engine
