#pragma once

#include "contract/service.hpp"
#include "flow/orchestrator.hpp"

namespace opaline::flow {

/// A whole JSON flow as one step of another. Its steps are told to the request's observer. The
/// sampling parameters of what it is asked go to its own generating steps. Any thread; the flow
/// must outlive it and its streams.
class FlowService final : public contract::Service {
 public:
  explicit FlowService(const Orchestrator& flow) : flow_(flow) {}

  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::custom;
  }
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  /// Whether a stream is answered with one: by its last step.
  [[nodiscard]] bool may_stream() const;
  /// The first of its steps that is not ready, named.
  [[nodiscard]] contract::Health health() const override;

 private:
  const Orchestrator& flow_;
};

/// What a flow is asked when it is asked as a service: the fields that are sampling parameters, as
/// OPEA's LLMParams names them, go to its generating steps.
[[nodiscard]] JsonFlowRequest flow_request(contract::JsonRequest request);
/// What a flow answered, as a service answers it.
[[nodiscard]] contract::Reply service_reply(JsonStepOutput answer);

}  // namespace opaline::flow
