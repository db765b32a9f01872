#include "flow/describe_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "flow/duration.hpp"

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
  const auto option = service.options.find("run");
  const bool child = step.run == "child" || (step.run.empty() && option != service.options.end() &&
                                             option->second == "child");
  return child ? "built in, in a child process" : "built in";
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

class TreeWriter {
 public:
  explicit TreeWriter(const StepFlow& flow) : flow_(flow), written_(flow.graph.size(), false) {}

  std::string write() {
    const std::string host = flow_.host.contains(':') ? "[" + flow_.host + "]" : flow_.host;
    text_ = fmt::format("{}: http://{}:{}{}{}\n", flow_.name, host, flow_.port, flow_.endpoint,
                        flow_.timeout ? ", within " + duration_text(*flow_.timeout) : "");
    std::vector<Graph::Node> roots;
    for (Graph::Node node = 0; node < flow_.graph.size(); ++node) {
      if (flow_.graph.predecessors(node).empty()) roots.push_back(node);
    }
    write_below(roots, "");
    for (const std::string& note : flow_.notes) text_ += "note: " + note + "\n";
    return std::move(text_);
  }

 private:
  void write_below(const std::vector<Graph::Node>& nodes, const std::string& indent) {
    for (const Graph::Node node : nodes) {
      const bool last = node == nodes.back();
      const std::string branch = indent + (last ? "└─ " : "├─ ");
      if (written_[node]) {
        text_ += branch + flow_.graph.name(node) + " (above)\n";
        continue;
      }
      written_[node] = true;
      write_step(branch, flow_.steps[node]);
      write_below(flow_.graph.successors(node), indent + (last ? "   " : "│  "));
    }
  }

  void write_step(const std::string& branch, const StepSpec& step) {
    constexpr std::size_t kColumn = 28;
    std::string line = branch + step.name;
    const std::size_t width = base::utf8_length(line);
    line.append(width < kColumn ? kColumn - width : 1, ' ');
    const std::string rest = policies(flow_, step);
    text_ += rest.empty() ? fmt::format("{}{}\n", line, use(flow_, step))
                          : fmt::format("{}{:<10} {}\n", line, use(flow_, step), rest);
  }

  const StepFlow& flow_;
  std::vector<bool> written_;
  std::string text_;
};

}  // namespace

std::string describe(const StepFlow& flow) { return TreeWriter(flow).write(); }

}  // namespace opaline::flow
