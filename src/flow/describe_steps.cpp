#include "flow/describe_steps.hpp"

#include <fmt/format.h>

#include "flow/duration.hpp"
#include "flow/graph_tree.hpp"

namespace opaline::flow {
namespace {

constexpr std::string_view kBetween = " · ";

std::string place(const StepFlow& flow, const StepSpec& step) {
  if (!step.service) {
    if (step.run.empty() || step.run == "here") return {};
    return step.run == "child" ? "in a child process" : "at " + step.run;
  }
  const ServiceSpec& service = flow.services[*step.service];
  if (!service.url.empty()) return fmt::format("at {}{}", service.url, service.endpoint);
  if (service.kind == contract::ServiceKind::custom) return "registers itself";
  return service.runs_in_child() ? "built in, in a child process" : "built in";
}

std::string use(const StepFlow& flow, const StepSpec& step) {
  if (!step.arms.empty()) return "switch";
  if (step.sub_flow) return flow.flows[*step.sub_flow].file;
  if (step.service) return std::string(contract::name(flow.services[*step.service].kind));
  return "computes";
}

std::string arms(const StepFlow& flow, const StepSpec& step) {
  std::string text;
  for (const SwitchArm& arm : step.arms) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} → {}", arm.when ? arm.when->text() : "else", flow.graph.name(arm.then));
  }
  return text;
}

/// What is said of a step beside its name and what it uses.
std::string policies(const StepFlow& flow, const StepSpec& step) {
  std::string text;
  const auto add = [&text](std::string part) {
    if (part.empty()) return;
    if (!text.empty()) text += kBetween;
    text += part;
  };
  add(place(flow, step));
  add(arms(flow, step));
  if (step.when) add("when " + step.when->text());
  if (step.map) {
    add(fmt::format("for each {} of {}, {} at once", step.map->as, step.map->over.text(),
                    step.map->concurrency));
  }
  if (step.merge != Merge::update) add(fmt::format("merges by {}", name(step.merge)));
  const StepPolicy& policy = step.policy;
  if (policy.timeout) add("within " + duration_text(*policy.timeout));
  if (policy.attempts > 1) add(fmt::format("{} attempts", policy.attempts));
  if (policy.hedge_after) add("asked again after " + duration_text(*policy.hedge_after));
  if (step.cache) add("remembered for " + duration_text(*step.cache));
  if (step.fallback) add("else " + flow.services[*step.fallback].name);
  if (step.on_error == OnError::skip) add("on error skipped");
  if (step.error_step) add("on error → " + flow.graph.name(*step.error_step));
  return text;
}

}  // namespace

std::string describe(const StepFlow& flow) {
  const std::string host = flow.host.contains(':') ? "[" + flow.host + "]" : flow.host;
  std::string text =
      fmt::format("{}: http://{}:{}{}{}\n", flow.name, host, flow.port, flow.endpoint,
                  flow.timeout ? ", within " + duration_text(*flow.timeout) : "");
  text += tree(flow.graph, [&flow](Graph::Node node) {
    const StepSpec& step = flow.steps[node];
    const std::string rest = policies(flow, step);
    return rest.empty() ? use(flow, step) : fmt::format("{:<10} {}", use(flow, step), rest);
  });
  for (const std::string& note : flow.notes) text += "note: " + note + "\n";
  return text;
}

}  // namespace opaline::flow
