#include "flow/step_flow.hpp"

#include <tuple>

namespace opaline::flow {

bool operator==(const StepFlow& a, const StepFlow& b) {
  const auto tied = [](const StepFlow& flow) {
    return std::tie(flow.name, flow.description, flow.host, flow.port, flow.endpoint, flow.timeout,
                    flow.services, flow.flows, flow.steps, flow.graph, flow.output, flow.notes);
  };
  return tied(a) == tied(b);
}

namespace {

void gather(const FlowSpec& flow, std::vector<ServiceSpec>& all) {
  all.insert(all.end(), flow.services.begin(), flow.services.end());
}

void gather(const StepFlow& flow, std::vector<ServiceSpec>& all) {
  all.insert(all.end(), flow.services.begin(), flow.services.end());
  for (const SubFlow& inside : flow.flows) {
    if (!inside.flow) continue;
    std::visit([&all](const auto& one) { gather(one, all); }, *inside.flow);
  }
}

}  // namespace

std::vector<ServiceSpec> all_services(const StepFlow& flow) {
  std::vector<ServiceSpec> all;
  gather(flow, all);
  return all;
}

}  // namespace opaline::flow
