#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/await.hpp"
#include "api/calling.hpp"
#include "api/flow_core.hpp"
#include "api/micro_service_core.hpp"
#include "api/server_state.hpp"
#include "api/stream_state.hpp"
#include "flow/service_address.hpp"
#include "gateway/json_flow_routes.hpp"

namespace opaline {
namespace {

using Core = std::shared_ptr<detail::FlowCore>;

flow::Graph::Node node_of(const flow::Graph& graph, std::string_view name) {
  if (const auto node = graph.find(name)) return *node;
  throw Error(ErrorCode::not_found, fmt::format("the flow has no step '{}': add() it first", name));
}

JsonObject to_json(Parameters parameters) {
  JsonObject made = std::move(parameters.others);
  const auto set = [&made](std::string_view name, const auto& value) {
    if (value) made.insert_or_assign(name, *value);
  };
  set("max_tokens", parameters.max_tokens);
  set("top_k", parameters.top_k);
  set("top_p", parameters.top_p);
  set("temperature", parameters.temperature);
  set("frequency_penalty", parameters.frequency_penalty);
  set("presence_penalty", parameters.presence_penalty);
  set("repetition_penalty", parameters.repetition_penalty);
  set("model", parameters.model);
  return made;
}

flow::JsonFlowRequest to_request(Json inputs, Parameters parameters) {
  const bool stream = parameters.stream;
  return {
      .inputs = std::move(inputs), .parameters = to_json(std::move(parameters)), .stream = stream};
}

/// What an answer's stream needs.
struct Kept {
  Core core;
  std::shared_ptr<api::FlowPlan> plan;
  std::shared_ptr<void> tie;
};

Reply to_reply(flow::JsonStepOutput output, api::IoThread* thread,
               const std::shared_ptr<void>& keep) {
  if (auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&output)) {
    return api::make_stream(std::move(*stream), thread, keep);
  }
  if (auto* bytes = std::get_if<contract::BytesReply>(&output)) {
    return Bytes{.content_type = std::move(bytes->content_type), .bytes = std::move(bytes->bytes)};
  }
  return std::get<boost::json::value>(std::move(output));
}

FlowReply to_flow_reply(flow::JsonFlowReply reply, api::IoThread* thread,
                        const std::shared_ptr<void>& keep) {
  std::vector<std::string> last;
  for (const flow::JsonStepResult* result : reply.final_results()) last.push_back(result->step);
  std::vector<FlowReply::Step> steps;
  for (flow::JsonStepResult& result : reply.results) {
    steps.push_back({.name = std::move(result.step),
                     .reply = to_reply(std::move(result.output), thread, keep)});
  }
  return {std::move(steps), std::move(last)};
}

base::Task<base::Result<flow::JsonFlowReply>> run_plan(std::shared_ptr<api::FlowPlan> plan,
                                                       flow::JsonFlowRequest request,
                                                       base::Context context) {
  co_return co_await plan->run(std::move(request), std::move(context));
}

Task<FlowReply> schedule_in_coroutine(Core core, flow::JsonFlowRequest request,
                                      CallOptions options) {
  const detail::Scope& scope = co_await api::CurrentScope{};
  std::shared_ptr<api::FlowPlan> plan = core->plan();
  api::Calling calling = api::call_within(scope.context, options, scope.executor);
  flow::JsonFlowReply reply =
      co_await api::Await<flow::JsonFlowReply>(run_plan(plan, std::move(request), calling.context));
  // Owners: the streams of the answer.
  auto keep = std::make_shared<Kept>(std::move(core), std::move(plan), std::move(calling.tie));
  co_return to_flow_reply(std::move(reply), nullptr, keep);
}

}  // namespace

// --- StepSite

const std::string& StepSite::name() const noexcept { return state_->name; }

ServiceType StepSite::type() const noexcept {
  const auto node = state_->design.graph.find(state_->name);
  return node ? state_->design.services[*node].type() : ServiceType::undefined;
}

const JsonObject& StepSite::parameters() const noexcept { return state_->site.parameters; }

std::vector<std::string> StepSite::next() const {
  const flow::Graph& graph = state_->site.graph;
  std::vector<std::string> names;
  for (const flow::Graph::Node node : graph.successors(node_of(graph, state_->name))) {
    names.push_back(graph.name(node));
  }
  return names;
}

void StepSite::disconnect(std::string_view step) {
  flow::Graph& graph = state_->site.graph;
  graph.disconnect(node_of(graph, state_->name), node_of(graph, step));
}

void StepSite::connect(std::string_view step) {
  flow::Graph& graph = state_->site.graph;
  api::value_or_raise(graph.connect(node_of(graph, state_->name), node_of(graph, step)));
}

void StepSite::remove(std::string_view step) {
  flow::Graph& graph = state_->site.graph;
  graph.isolate(node_of(graph, step));
}

// --- FlowReply

Reply& FlowReply::of(std::string_view step) {
  const auto found = std::ranges::find(steps_, step, &Step::name);
  if (found != steps_.end()) return found->reply;
  throw Error(ErrorCode::not_found, fmt::format("no step '{}' was run", step));
}

Reply& FlowReply::answer() {
  if (last_.empty()) throw Error(ErrorCode::internal, "no step of the flow answered");
  if (last_.size() == 1) return of(last_.front());
  if (joined_) return *joined_;
  JsonObject all;
  for (const std::string& name : last_) {
    Reply& reply = of(name);
    if (reply.is_stream()) return reply;
    if (reply.is_bytes()) {
      throw Error(ErrorCode::failed_precondition,
                  fmt::format("step '{}' answered with bytes, which cannot stand beside the "
                              "answers of other last steps",
                              name));
    }
    all.emplace(name, reply.json());
  }
  return joined_.emplace(std::move(all));
}

// --- ServiceOrchestrator

ServiceOrchestrator::ServiceOrchestrator() : core_(std::make_shared<detail::FlowCore>()) {}

ServiceOrchestrator& ServiceOrchestrator::add(MicroService service) {
  core_->change([&service](api::FlowDesign& design) {
    if (service.name().empty()) {
      throw Error(ErrorCode::invalid_argument, "a microservice of a flow needs a name");
    }
    api::value_or_raise(design.graph.add(service.name()));
    design.services.push_back(std::move(service));
  });
  return *this;
}

ServiceOrchestrator& ServiceOrchestrator::flow_to(const MicroService& from,
                                                  const MicroService& to) {
  core_->change([&](api::FlowDesign& design) {
    api::value_or_raise(
        design.graph.connect(node_of(design.graph, from.name()), node_of(design.graph, to.name())));
  });
  return *this;
}

ServiceOrchestrator& ServiceOrchestrator::set_align_inputs(InputHook hook) {
  core_->change([&](api::FlowDesign& design) { design.align_inputs = std::move(hook); });
  return *this;
}

ServiceOrchestrator& ServiceOrchestrator::set_align_outputs(OutputHook hook, Answers answers) {
  core_->change([&](api::FlowDesign& design) {
    design.align_outputs = std::move(hook);
    design.aligned_answers =
        answers == Answers::all ? api::FlowDesign::Answers::all : api::FlowDesign::Answers::json;
  });
  return *this;
}

ServiceOrchestrator& ServiceOrchestrator::align_generator(
    std::function<Generator<std::string>(Stream, std::string)> hook) {
  core_->change([&](api::FlowDesign& design) { design.align_generator = std::move(hook); });
  return *this;
}

FlowReply ServiceOrchestrator::schedule(Json inputs, Parameters parameters,
                                        CallOptions options) const {
  std::shared_ptr<api::FlowPlan> plan = core_->plan();
  api::Calling calling = api::call_from_outside(options, core_->io.executor());
  flow::JsonFlowReply reply = api::value_or_raise(core_->io.wait(
      run_plan(plan, to_request(std::move(inputs), std::move(parameters)), calling.context)));
  // Owners: the streams of the answer.
  auto keep = std::make_shared<Kept>(core_, std::move(plan), std::move(calling.tie));
  return to_flow_reply(std::move(reply), &core_->io, keep);
}

Task<FlowReply> ServiceOrchestrator::async_schedule(Json inputs, Parameters parameters,
                                                    CallOptions options) const {
  return schedule_in_coroutine(core_, to_request(std::move(inputs), std::move(parameters)),
                               std::move(options));
}

Server ServiceOrchestrator::start(ServerSettings settings) const {
  if (!flow::is_endpoint_path(settings.endpoint)) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("the endpoint '{}' is no path like \"/v1/chatqna\"", settings.endpoint));
  }
  std::shared_ptr<api::FlowPlan> plan = core_->plan();
  std::vector<std::pair<std::string, const contract::Service*>> parts;
  for (const MicroService& service : plan->design().services) {
    parts.emplace_back(service.name(), &service.core().service());
  }
  auto routes = gateway::json_flow_routes(
      plan->orchestrator(), settings.endpoint,
      [plan = plan.get()](const base::Context& context) { return plan->make_hooks(context); });
  return api::start_server(
      {.name = std::move(settings.name),
       .host = std::move(settings.host),
       .port = settings.port,
       .description = settings.description.empty() ? "A megaservice of Opaline"
                                                   : std::move(settings.description),
       .api_keys = std::move(settings.api_keys),
       .threads = settings.threads,
       .body_bytes = settings.body_bytes,
       .timeout = settings.timeout},
      std::move(routes), std::move(parts), std::move(plan));
}

void ServiceOrchestrator::serve(ServerSettings settings) const {
  start(std::move(settings)).wait();
}

}  // namespace opaline
