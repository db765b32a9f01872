#pragma once

#include "contract/service.hpp"
#include "engine/generator.hpp"

namespace opaline::services {

/// Answers with a language model of this process.
///
/// Messages go through the model's chat template; a base model without one gets them as a plain
/// dialogue ("User: … Assistant:") and stops where the next turn would begin. A grounded request
/// that nobody turned into a prompt before is asked with contract::rag_prompt(). Dropping the
/// stream, the deadline or the cancellation abandons the generation; a slow reader costs no more
/// memory than the answer's own tokens. Any thread; the generator must outlive it and its streams.
class LlmService final : public contract::Service {
 public:
  explicit LlmService(engine::Generator& generator) : generator_(generator) {}

  [[nodiscard]] contract::ServiceKind kind() const override { return contract::ServiceKind::llm; }
  /// @return a ChatStream when the request streams, else a ChatReply.
  /// @error invalid_argument: no ChatRequest, nothing to answer, a prompt longer than the model's
  /// context, a bad schema; resource_exhausted: too many wait already; deadline_exceeded;
  /// cancelled. A stream gives them through next().
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  [[nodiscard]] contract::Health health() const override { return {}; }

 private:
  engine::Generator& generator_;
};

}  // namespace opaline::services
