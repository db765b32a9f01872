#include "flow/dialects/dialect_writers.hpp"

#include <algorithm>
#include <string_view>

#include "flow/dialects/tree.hpp"
#include "flow/kind_inference.hpp"

namespace opaline::flow {
namespace {

constexpr std::string_view kMerge = "merge(";
constexpr std::string_view kParameters = ", request.parameters)";

/// `steps.a ?? steps.b`, of the steps before and no others, with or without the request's
/// parameters; of a first step, and of what a first step chooses, the request.
bool hands_on(const StepFlow& flow, Graph::Node node, std::string_view expression) {
  const std::vector<Graph::Node>& before = flow.graph.predecessors(node);
  const bool first = std::ranges::all_of(before, [&flow](Graph::Node one) {
    return !flow.steps[one].arms.empty() && flow.graph.predecessors(one).empty();
  });
  if (first) return expression == "request";
  if (expression.starts_with(kMerge) && expression.ends_with(kParameters)) {
    expression.remove_prefix(kMerge.size());
    expression.remove_suffix(kParameters.size());
  }
  for (;;) {
    const std::size_t end = std::min(expression.find(" ?? "), expression.size());
    const std::string_view one = expression.substr(0, end);
    const bool known = std::ranges::any_of(
        before, [&](Graph::Node step) { return one == member_of("steps", flow.graph.name(step)); });
    if (!known) return false;
    if (end == expression.size()) return true;
    expression.remove_prefix(end + 4);
  }
}

}  // namespace

contract::ServiceKind kind_told(const ServiceSpec& service) {
  if (service.kind != contract::ServiceKind::custom) return service.kind;
  return kind_of_endpoint(service.endpoint).value_or(service.kind);
}

std::vector<std::string> extras_of(const StepFlow& flow, Graph::Node node) {
  const StepSpec& step = flow.steps[node];
  std::vector<std::string> extras;
  const auto add = [&extras](bool is_there, const char* key) {
    if (is_there) extras.emplace_back(key);
  };
  add(step.when.has_value(), "when");
  if (step.input) {
    const auto* const single = step.input->find_single();
    add(single == nullptr || !hands_on(flow, node, single->expression.text()), "input");
  }
  add(step.output.has_value(), "output");
  add(step.merge != Merge::update, "merge");
  add(step.map.has_value(), "map");
  add(step.policy.timeout.has_value(), "timeout");
  add(step.policy.attempts > 1, "retry");
  add(step.policy.hedge_after.has_value(), "hedge");
  add(step.cache.has_value(), "cache");
  add(step.fallback.has_value(), "fallback");
  add(step.on_error != OnError::fail, "on_error");
  add(!step.run.empty(), "run");
  return extras;
}

void lose_extras(const StepFlow& flow, Graph::Node node, std::vector<std::string>& losses,
                 const std::vector<std::string>& done_there) {
  for (const std::string& key : extras_of(flow, node)) {
    if (std::ranges::find(done_there, key) != done_there.end()) continue;
    losses.push_back("step '" + flow.graph.name(node) + "': '" + key + "'");
  }
}

void lose_frame(const StepFlow& flow, std::vector<std::string>& losses) {
  if (flow.output) losses.emplace_back("the flow's 'output'");
  if (flow.timeout) losses.emplace_back("the flow's 'timeout'");
}

}  // namespace opaline::flow
