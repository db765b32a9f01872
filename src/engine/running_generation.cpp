#include "engine/running_generation.hpp"

#include <llama.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace opaline::engine {
namespace {

std::string spelling_of(const llama_vocab* vocabulary, Token token) {
  std::string piece(64, '\0');
  const auto fill = [&] {
    return llama_token_to_piece(vocabulary, token, piece.data(),
                                static_cast<std::int32_t>(piece.size()), 0, false);
  };
  std::int32_t length = fill();
  if (length < 0) {
    piece.resize(static_cast<std::size_t>(-length));
    length = fill();
  }
  OPALINE_ASSERT(length >= 0);
  piece.resize(static_cast<std::size_t>(length));
  return piece;
}

SamplerSettings sampler_settings(const Generation& asked) {
  return {.temperature = asked.temperature,
          .top_p = asked.top_p,
          .top_k = asked.top_k,
          .frequency_penalty = asked.frequency_penalty,
          .presence_penalty = asked.presence_penalty,
          .repetition_penalty = asked.repetition_penalty,
          .seed = asked.seed};
}

}  // namespace

RunningGeneration::RunningGeneration(const LoadedModel& model, Settings settings,
                                     const Generation& asked,
                                     std::unique_ptr<AnswerGrammar> grammar, GenerationSink sink)
    : model_(model),
      tokens_(std::move(settings.prompt)),
      prompt_tokens_(tokens_.size()),
      tokens_max_(std::min(settings.tokens_max, prompt_tokens_ + settings.answer_max)),
      sampler_(sampler_settings(asked), tokens_, std::move(grammar)),
      text_(asked.stop),
      sink_(std::move(sink)) {
  OPALINE_ASSERT(prompt_tokens_ > 0);
  usage_.prompt_tokens = prompt_tokens_;
}

void RunningGeneration::take_cached(std::size_t count) {
  OPALINE_ASSERT(count < prompt_tokens_);
  computed_ = count;
  usage_.cached_tokens = count;
}

bool RunningGeneration::take_logits(std::span<float> logits) {
  OPALINE_ASSERT(computed_ == tokens_.size());
  const llama_vocab* vocabulary = llama_model_get_vocab(model_.model());
  const auto token = sampler_.sample(logits);
  if (!token || llama_vocab_is_eog(vocabulary, *token)) return finish(Generated::Reason::stop);
  ++usage_.completion_tokens;
  tokens_.push_back(*token);
  show(text_.add(spelling_of(vocabulary, *token)));
  if (text_.stopped()) return finish(Generated::Reason::stop);
  if (tokens_.size() >= tokens_max_) return finish(Generated::Reason::length);
  return true;
}

bool RunningGeneration::finish(Generated::Reason reason) {
  show(text_.finish());
  usage_.reason = reason;
  sink_.on_end(usage_);
  return false;
}

void RunningGeneration::fail(base::Error error) { sink_.on_end(base::fail(std::move(error))); }

void RunningGeneration::show(std::string text) {
  if (!text.empty() && sink_.on_text) sink_.on_text(std::move(text));
}

}  // namespace opaline::engine
