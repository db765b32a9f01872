#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/loaded_model.hpp"

struct llama_sampler;

namespace opaline::engine {

/// Which tokens may come next so that the answer matches a JSON schema. One generation, one thread;
/// the model outlives it.
class AnswerGrammar {
 public:
  /// @error invalid_argument: no JSON, not a schema that can be followed, or too large; says why.
  [[nodiscard]] static base::Result<std::unique_ptr<AnswerGrammar>> compile(
      const LoadedModel& model, const std::string& json_schema);
  ~AnswerGrammar();

  /// For each of `tokens` whether it may come next.
  [[nodiscard]] std::vector<bool> allows(std::span<const Token> tokens) const;
  /// `token` comes next. False if it may not: then the answer must end, and nothing is allowed any
  /// more.
  [[nodiscard]] bool accept(Token token);

 private:
  explicit AnswerGrammar(llama_sampler* rules) : rules_(rules) {}
  llama_sampler* rules_;
  bool broken_ =
      false;  // llama.cpp aborts the process when asked again after a token that was not allowed.
};

}  // namespace opaline::engine
