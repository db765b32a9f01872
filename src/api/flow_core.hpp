#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <opaline/service_orchestrator.hpp>
#include <vector>

#include "api/io_thread.hpp"
#include "api/workers.hpp"
#include "base/context.hpp"
#include "flow/graph.hpp"
#include "flow/orchestrator.hpp"
#include "flow/step_hooks.hpp"

namespace opaline::api {

using InputHook = std::function<Task<Json>(Json, StepSite&)>;
using OutputHook = std::function<Task<Json>(Reply, const Json&, StepSite&)>;
using StreamHook = std::function<Generator<std::string>(Stream, std::string)>;

/// A flow as it stands: its steps and hooks.
struct FlowDesign {
  flow::Graph graph;
  std::vector<MicroService> services;  // One a node.
  InputHook align_inputs;              // Empty: none.
  OutputHook align_outputs;
  enum class Answers { json, all } aligned_answers = Answers::json;
  StreamHook align_generator;
};

/// A flow that can be run. Immutable; any thread. Owners: its runs, servers and answers, so that a
/// change of the flow leaves them as they were.
class FlowPlan : public std::enable_shared_from_this<FlowPlan> {
 public:
  /// @error failed_precondition: no step.
  [[nodiscard]] static base::Result<std::shared_ptr<FlowPlan>> create(FlowDesign design);

  /// Hooks of one request, null without any. They keep the plan.
  [[nodiscard]] std::unique_ptr<flow::StepHooks> make_hooks(const base::Context& context);
  base::Task<base::Result<flow::JsonFlowReply>> run(flow::JsonFlowRequest request,
                                                    base::Context context);

  [[nodiscard]] const FlowDesign& design() const { return design_; }
  [[nodiscard]] const flow::Orchestrator& orchestrator() const { return *orchestrator_; }
  [[nodiscard]] Workers& workers() { return workers_; }

 private:
  explicit FlowPlan(FlowDesign design) : design_(std::move(design)) {}

  FlowDesign design_;
  std::unique_ptr<flow::Orchestrator> orchestrator_;
  Workers workers_;
};

}  // namespace opaline::api

namespace opaline::detail {

/// What a ServiceOrchestrator is a handle of. Any thread.
struct FlowCore {
  /// Of the design as it stands. @throws Error of FlowPlan::create.
  [[nodiscard]] std::shared_ptr<api::FlowPlan> plan();
  /// Changes the design under the lock; what `change` throws is thrown.
  void change(const std::function<void(api::FlowDesign&)>& change);

  api::IoThread io;  // Of blocking calls.

 private:
  std::mutex mutex_;
  api::FlowDesign design_;               // Under mutex_.
  std::shared_ptr<api::FlowPlan> plan_;  // Of that design, once it was asked for.
};

/// What a StepSite shows.
struct SiteState {
  flow::HookSite site;
  const api::FlowDesign& design;
  std::string name;
};

}  // namespace opaline::detail
