#include <algorithm>
#include <cstdint>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "flow/any_flow.hpp"
#include "flow/describe_steps.hpp"
#include "flow/drawing.hpp"

namespace {

using namespace opaline::flow;

/// What StepFlow promises.
void check(const StepFlow& flow) {
  using opaline::limits::kStepAttempts;
  const Graph& graph = flow.graph;
  OPALINE_ASSERT(!flow.steps.empty());
  OPALINE_ASSERT(graph.size() == flow.steps.size());
  OPALINE_ASSERT(flow.endpoint.starts_with('/'));
  for (Graph::Node node = 0; node < graph.size(); ++node) {
    const StepSpec& step = flow.steps[node];
    const auto leads_to = [&graph, node](Graph::Node next) {
      return std::ranges::find(graph.successors(node), next) != graph.successors(node).end();
    };
    OPALINE_ASSERT(graph.name(node) == step.name);
    OPALINE_ASSERT(!step.service || *step.service < flow.services.size());
    OPALINE_ASSERT(!step.fallback || *step.fallback < flow.services.size());
    OPALINE_ASSERT(!step.sub_flow || *step.sub_flow < flow.flows.size());
    OPALINE_ASSERT(!(step.service && step.sub_flow));
    OPALINE_ASSERT(step.service || step.sub_flow || step.input || !step.arms.empty());
    OPALINE_ASSERT(step.policy.attempts >= 1 && step.policy.attempts <= kStepAttempts);
    OPALINE_ASSERT(!step.policy.retry_on.empty());
    OPALINE_ASSERT((step.on_error == OnError::step) == step.error_step.has_value());
    for (const SwitchArm& arm : step.arms) {
      OPALINE_ASSERT(leads_to(arm.then) && flow.steps[arm.then].called);
      OPALINE_ASSERT(arm.when || &arm == &step.arms.back());
    }
    if (step.error_step) OPALINE_ASSERT(leads_to(*step.error_step));
    for (const Graph::Node before : step.needs) {
      const auto& all = graph.predecessors(node);
      OPALINE_ASSERT(std::ranges::find(all, before) != all.end());
    }
  }
  OPALINE_ASSERT(!describe(flow).empty());
  OPALINE_ASSERT(!mermaid(draw(flow)).empty());
  OPALINE_ASSERT(!dot(draw(flow)).empty());
}

}  // namespace

/// Any bytes are either a flow that keeps what it promises, the same each time, or mistakes with a
/// place each.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto flow = read_any_flow(text, "f");
  if (!flow) {
    OPALINE_ASSERT(flow.error().code == opaline::base::ErrorCode::invalid_argument);
    OPALINE_ASSERT(flow.error().message.starts_with("f:"));
    return 0;
  }
  if (const auto* const steps = std::get_if<StepFlow>(&*flow)) check(*steps);
  OPALINE_ASSERT(*flow == *read_any_flow(text, "f"));
  return 0;
}
