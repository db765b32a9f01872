#pragma once

#include <optional>
#include <string>

#include "app/settings.hpp"
#include "base/result.hpp"
#include "flow/flow_file.hpp"

namespace opaline::app {

/// The models of this server, by name or file; nothing where there is none. An empty name of a
/// reranking model is the embedding model's.
struct ModelChoice {
  std::optional<std::string> embedding;
  std::optional<std::string> reranking;
  std::optional<std::string> llm;

  [[nodiscard]] const std::optional<std::string>& of(contract::ServiceKind kind) const;
  void set(contract::ServiceKind kind, std::string model);
};

/// What the services of a flow that run here ask for. @param usual for those that name none.
/// @param answer how an llm answers that does not say: one that quotes asks for no model.
/// @error failed_precondition: two services of a kind want different models; there is one of each.
[[nodiscard]] base::Result<ModelChoice> choose_models(const flow::FlowSpec& flow,
                                                      const ModelChoice& usual, AnswerMode answer);
/// @error failed_precondition: a service of the flow wants another model than is running.
[[nodiscard]] base::Result<void> check_models(const flow::FlowSpec& flow, const ModelChoice& usual,
                                              const ModelChoice& running, AnswerMode answer);

}  // namespace opaline::app
