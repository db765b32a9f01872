#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "engine/answer_grammar.hpp"
#include "engine/loaded_model.hpp"

namespace opaline::engine {

struct SamplerSettings {
  double temperature = 0.01;  ///< 0: always the likeliest.
  double top_p = 0.95;
  int top_k = 10;                ///< 0 or less: all.
  double frequency_penalty = 0;  ///< Per occurrence in the answer, off the logit.
  double presence_penalty = 0;   ///< Once, for tokens that are in the answer.
  double repetition_penalty =
      1.0;  ///< Divides positive and multiplies negative logits of tokens in prompt or answer.
  std::uint64_t seed = 0;
};

/// Chooses the next token: penalties, temperature, top-k, top-p, then by chance; within a grammar
/// if there is one. Works on the few tokens that matter instead of sorting the whole vocabulary.
/// One generation, one thread.
class TokenSampler {
 public:
  TokenSampler(const SamplerSettings& settings, std::span<const Token> prompt,
               std::unique_ptr<AnswerGrammar> grammar);

  /// @param logits one a token of the vocabulary; penalties are written into it.
  /// @return nullopt when the grammar leaves nothing to say.
  [[nodiscard]] std::optional<Token> sample(std::span<float> logits);

 private:
  struct Candidate {
    float logit;
    Token token;
  };

  void penalise(std::span<float> logits) const;
  [[nodiscard]] std::vector<Candidate> likeliest(std::span<const float> logits,
                                                 std::size_t count) const;
  [[nodiscard]] Token draw(std::span<const Candidate> candidates);
  [[nodiscard]] std::vector<Candidate> allowed(std::span<const float> logits) const;

  SamplerSettings settings_;
  std::unique_ptr<AnswerGrammar> grammar_;
  std::map<Token, int> answer_counts_;
  std::vector<Token> prompt_tokens_;  // Each once; only kept for a repetition penalty.
  std::mt19937_64 random_;
};

}  // namespace opaline::engine
