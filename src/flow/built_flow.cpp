#include "flow/built_flow.hpp"

#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "flow/service_address.hpp"
#include "flow/step_cache.hpp"
#include "flow/step_stream.hpp"

namespace opaline::flow {
namespace {

bool asks_again(const StepPolicy& policy) { return policy.attempts > 1 || policy.hedge_after; }

}  // namespace

base::Result<std::unique_ptr<BuiltFlow>> BuiltFlow::create(const StepFlow& flow,
                                                           const Services& services) {
  std::unique_ptr<BuiltFlow> built(new BuiltFlow());
  OPALINE_TRY_DO(built->build(flow, services));
  return built;
}

base::Result<std::unique_ptr<BuiltFlow>> BuiltFlow::create(const FlowSpec& flow,
                                                           const Services& services) {
  std::unique_ptr<BuiltFlow> built(new BuiltFlow());
  JsonFlow json{.graph = flow.graph, .steps = {}, .output = {}, .question_is_text = true};
  for (Graph::Node node = 0; node < flow.graph.size(); ++node) {
    OPALINE_TRY(contract::Service * service, services(flow.services[node]));
    json.steps.push_back({.service = service,
                          .generates = flow.services[node].generates(),
                          .kind = flow.services[node].kind});
  }
  OPALINE_TRY(built->orchestrator_, Orchestrator::create(std::move(json)));
  return built;
}

base::Result<void> BuiltFlow::build(const StepFlow& flow, const Services& services) {
  for (const ServiceSpec& spec : flow.services) {
    contract::Service* service = nullptr;
    // Ingestion is served beside the flow and is no step.
    if (spec.kind != contract::ServiceKind::dataprep) {
      OPALINE_TRY(service, services(spec));
    }
    given_.push_back(service);
  }
  JsonFlow json{.graph = flow.graph, .steps = {}, .output = flow.output, .timeout = flow.timeout};
  for (const StepSpec& spec : flow.steps) {
    auto step = build_step(flow, spec, services);
    if (!step) return base::fail(step_error(spec.name, std::move(step).error()));
    json.steps.push_back(*std::move(step));
  }
  OPALINE_TRY(orchestrator_, Orchestrator::create(std::move(json)));
  return {};
}

base::Result<JsonStep> BuiltFlow::build_step(const StepFlow& flow, const StepSpec& spec,
                                             const Services& services) {
  JsonStep step{.when = spec.when,
                .merge = spec.merge,
                .input = spec.input,
                .map = spec.map,
                .output = spec.output,
                .arms = spec.arms,
                .on_error = spec.on_error,
                .handler = spec.error_step.value_or(0)};
  if (spec.service) {
    step.service = given_[*spec.service];
    step.generates = flow.services[*spec.service].generates();
    step.kind = flow.services[*spec.service].kind;
  } else if (spec.sub_flow) {
    OPALINE_TRY(step.service, build_sub_flow(flow.flows[*spec.sub_flow], spec, services));
    if (const auto* inside = dynamic_cast<const FlowService*>(step.service))
      step.streams = inside->may_stream();
  }
  if (step.service == nullptr) return step;
  step.timeout = spec.policy.timeout;
  if (spec.fallback) step.fallback = given_[*spec.fallback];
  if (asks_again(spec.policy)) {
    step.service = &keep(std::make_unique<PolicyService>(*step.service, spec.policy));
  }
  if (spec.cache) {
    step.service = &keep(std::make_unique<StepCache>(
        *step.service, StepCache::Settings{.keep = *spec.cache,
                                           .bytes_max = limits::kStepCacheBytes,
                                           .generates = step.generates}));
  }
  return step;
}

base::Result<contract::Service*> BuiltFlow::build_sub_flow(const SubFlow& flow,
                                                           const StepSpec& spec,
                                                           const Services& services) {
  if (is_url(spec.run)) {
    // The reader has checked it.
    const ServiceAddress address = split_url(spec.run).value();
    ServiceSpec elsewhere;
    elsewhere.name = spec.name;
    elsewhere.kind = contract::ServiceKind::custom;
    elsewhere.url = address.origin;
    elsewhere.endpoint = address.path.empty() ? "/" : address.path;
    return services(elsewhere);
  }
  OPALINE_ASSERT(flow.flow.has_value());
  OPALINE_TRY(auto built,
              std::visit([&](const auto& one) { return create(one, services); }, *flow.flow));
  contract::Service& service = keep(std::make_unique<FlowService>(built->orchestrator()));
  sub_flows_.push_back(std::move(built));
  return &service;
}

contract::Service& BuiltFlow::keep(std::unique_ptr<contract::Service> service) {
  made_.push_back(std::move(service));
  return *made_.back();
}

}  // namespace opaline::flow
