#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "flow/flow_service.hpp"
#include "flow/orchestrator.hpp"
#include "flow/step_flow.hpp"

namespace opaline::flow {

/// A flow that passes JSON, ready to run: its steps' services under their policies, and the flows
/// that its steps run. Owns all of that but the services themselves. Must outlive every run and
/// every stream.
class BuiltFlow {
 public:
  /// Gives the service of an entry, as one of the kind `custom`; owned by the caller.
  using Services = std::function<base::Result<contract::Service*>(const ServiceSpec&)>;

  /// @error what `services` cannot give; otherwise invalid_argument, led by the step's name.
  [[nodiscard]] static base::Result<std::unique_ptr<BuiltFlow>> create(const StepFlow& flow,
                                                                       const Services& services);
  /// Of OPEA's form, whatever its kinds.
  [[nodiscard]] static base::Result<std::unique_ptr<BuiltFlow>> create(const FlowSpec& flow,
                                                                       const Services& services);

  [[nodiscard]] const Orchestrator& orchestrator() const { return *orchestrator_; }

 private:
  BuiltFlow() = default;
  base::Result<void> build(const StepFlow& flow, const Services& services);
  base::Result<JsonStep> build_step(const StepFlow& flow, const StepSpec& spec,
                                    const Services& services);
  base::Result<contract::Service*> build_sub_flow(const SubFlow& flow, const StepSpec& spec,
                                                  const Services& services);
  contract::Service& keep(std::unique_ptr<contract::Service> service);

  std::vector<contract::Service*> given_;  // One a service of the flow.
  std::vector<std::unique_ptr<BuiltFlow>> sub_flows_;
  std::vector<std::unique_ptr<contract::Service>> made_;  // Each before those that call it.
  std::unique_ptr<Orchestrator> orchestrator_;
};

}  // namespace opaline::flow
