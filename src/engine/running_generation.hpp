#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/answer_text.hpp"
#include "engine/generator.hpp"
#include "engine/loaded_model.hpp"
#include "engine/token_sampler.hpp"

namespace opaline::engine {

/// One generation on its way: which tokens it needs computed next, and what it makes of their
/// result. Tells its sink. One thread at a time; the model outlives it.
class RunningGeneration {
 public:
  struct Settings {
    std::vector<Token> prompt;   ///< Not empty.
    std::size_t tokens_max = 0;  ///< Of prompt and answer together.
    std::size_t answer_max = 0;  ///< Of the answer.
  };

  RunningGeneration(const LoadedModel& model, Settings settings, const Generation& asked,
                    std::unique_ptr<AnswerGrammar> grammar, GenerationSink sink);

  /// Tokens that must be computed before the answer can go on: the rest of the prompt, or the last
  /// token of the answer.
  [[nodiscard]] std::span<const Token> pending() const {
    return std::span(tokens_).subspan(computed_);
  }
  [[nodiscard]] bool in_prompt() const { return computed_ + 1 < prompt_tokens_; }
  [[nodiscard]] std::span<const Token> prompt() const {
    return std::span(tokens_).first(prompt_tokens_);
  }
  /// The most tokens it will ever hold.
  [[nodiscard]] std::size_t tokens_max() const { return tokens_max_; }
  [[nodiscard]] bool abandoned() const { return sink_.abandoned && sink_.abandoned(); }

  /// `count` tokens of the prompt were there already.
  void take_cached(std::size_t count);
  void advance(std::size_t count) { computed_ += count; }
  /// The result after the last pending token. False once it has ended (and the sink knows).
  [[nodiscard]] bool take_logits(std::span<float> logits);
  /// Ends it with an error.
  void fail(base::Error error);

 private:
  [[nodiscard]] bool finish(Generated::Reason reason);
  void show(std::string text);

  const LoadedModel& model_;
  std::vector<Token> tokens_;  // The prompt, then the answer.
  std::size_t prompt_tokens_;
  std::size_t tokens_max_;
  std::size_t computed_ = 0;
  TokenSampler sampler_;
  AnswerText text_;
  Generated usage_;
  GenerationSink sink_;
};

}  // namespace opaline::engine
