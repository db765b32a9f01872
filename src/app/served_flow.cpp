#include "app/served_flow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "app/embedded_console.hpp"
#include "flow/chat_face.hpp"
#include "flow/flow_service.hpp"
#include "flow/json_face.hpp"
#include "operations/observe/prometheus.hpp"
#include "services/answering/answering_service.hpp"
#include "services/mcp/mcp_service.hpp"
#include "services/registry/registered_service.hpp"
#include "services/remote/api_key.hpp"
#include "services/remote/remote_service.hpp"

namespace opaline::app {

using contract::ServiceKind;

namespace {

/// What of a flow of steps the rest of the platform needs: where it is served, and all services.
flow::FlowSpec served_by(const flow::StepFlow& flow) {
  flow::FlowSpec served;
  served.services = flow::all_services(flow);
  served.host = flow.host;
  served.port = flow.port;
  served.endpoint = flow.endpoint;
  served.notes = flow.notes;
  return served;
}

/// The services that get a client's words before any step could refuse them.
std::vector<flow::ServiceSpec> asked_first(const flow::FlowSpec& flow) {
  std::vector<flow::ServiceSpec> first;
  for (flow::Graph::Node node = 0; node < flow.graph.size(); ++node) {
    if (flow.graph.predecessors(node).empty()) first.push_back(flow.services[node]);
  }
  return first;
}
std::vector<flow::ServiceSpec> asked_first(const flow::StepFlow& flow) {
  std::vector<flow::ServiceSpec> first;
  for (flow::Graph::Node node = 0; node < flow.graph.size(); ++node) {
    const flow::StepSpec& step = flow.steps[node];
    // A condition and an input that the file writes stand between as well.
    if (step.service && !step.called && !step.when && !step.input &&
        flow.graph.predecessors(node).empty())
      first.push_back(flow.services[*step.service]);
  }
  return first;
}

}  // namespace

flow::FlowSpec served_part(const flow::AnyFlow& file) {
  const auto* steps = std::get_if<flow::StepFlow>(&file);
  return steps ? served_by(*steps) : std::get<flow::FlowSpec>(file);
}

std::string option(const flow::ServiceSpec& spec, const std::string& key) {
  const auto found = spec.options.find(key);
  return found == spec.options.end() ? "" : found->second;
}

AnswerMode mode_of(const flow::ServiceSpec& spec, AnswerMode usual) {
  const std::string mode = option(spec, "mode");
  return mode == "generate"  ? AnswerMode::generate
         : mode == "extract" ? AnswerMode::extract
                             : usual;
}

base::Result<std::shared_ptr<ServedFlow>> ServedFlow::create(const flow::AnyFlow& file,
                                                             Platform& platform) {
  std::shared_ptr<ServedFlow> made(new ServedFlow(platform));
  OPALINE_TRY_DO(made->build(file));
  return made;
}

base::Result<void> ServedFlow::build(const flow::AnyFlow& file) {
  flow_ = served_part(file);
  maps_json_ = std::holds_alternative<flow::StepFlow>(file);
  passes_json_ = maps_json_ || flow_.passes_json();
  if (platform_.library) {
    services_.retrieval = &platform_.library->retrieval();
    services_.dataprep = &platform_.library->dataprep();
  }
  services_.llm = platform_.models->llm();
  for (std::size_t i = 0; i < flow_.services.size(); ++i) {
    OPALINE_TRY(contract::Service * service, find_service(flow_.services[i]));
    if (i < flow_.graph.size()) steps_.push_back(service);
  }
  if (services_.embedding == nullptr) services_.embedding = platform_.models->embedding();
  if (services_.reranking == nullptr) services_.reranking = platform_.models->reranking();
  OPALINE_TRY_DO(build_flow(file));
  return build_gateway(file);
}

base::Result<contract::Service*> ServedFlow::find_service(const flow::ServiceSpec& spec) {
  for (const auto& [built, service] : services_built_) {
    if (built == spec) return service;
  }
  OPALINE_TRY(contract::Service * service, build_service(spec));
  if (service == nullptr) {
    return base::fail(base::ErrorCode::failed_precondition,
                      fmt::format("this server runs without what '{}' ({}) needs; start it anew "
                                  "with this flow",
                                  spec.name, contract::name(spec.kind)));
  }
  services_built_.emplace_back(spec, service);
  return service;
}

base::Result<contract::Service*> ServedFlow::build_service(const flow::ServiceSpec& spec) {
  if (spec.kind == ServiceKind::custom && spec.url.empty()) return &make_registered(spec.name);
  if (!spec.url.empty() && takes_any_json(spec)) return build_remote(spec);
  if (spec.kind == ServiceKind::llm) return build_llm(spec);
  contract::Service* service = nullptr;
  if (!spec.url.empty()) {
    OPALINE_TRY(service, build_remote(spec));
  }
  switch (spec.kind) {
    case ServiceKind::embedding:
      if (service == nullptr) service = platform_.models->embedding();
      services_.embedding = service;
      break;
    case ServiceKind::reranking:
      if (service == nullptr) service = platform_.models->reranking();
      services_.reranking = service;
      break;
    case ServiceKind::retrieval:
      if (service == nullptr && platform_.library) service = &platform_.library->retrieval();
      services_.retrieval = service;
      break;
    case ServiceKind::dataprep:
      if (service == nullptr && platform_.library) service = &platform_.library->dataprep();
      services_.dataprep = service;
      break;
    case ServiceKind::llm:
    case ServiceKind::custom: break;
  }
  return service;
}

bool ServedFlow::takes_any_json(const flow::ServiceSpec& spec) const {
  if (!passes_json_) return false;
  if (maps_json_) return true;
  // OPEA's form has no words for what passes between two steps; a path tells whose wire it is.
  constexpr std::array<std::pair<std::string_view, ServiceKind>, 6> kWires = {{
      {"/embed", ServiceKind::embedding},
      {"/v1/embeddings", ServiceKind::embedding},
      {"/v1/retrieval", ServiceKind::retrieval},
      {"/rerank", ServiceKind::reranking},
      {"/v1/reranking", ServiceKind::reranking},
      {"/chat/completions", ServiceKind::llm},
  }};
  return std::ranges::none_of(kWires, [&spec](const auto& wire) {
    return wire.second == spec.kind && spec.endpoint.ends_with(wire.first);
  });
}

base::Result<contract::Service*> ServedFlow::build_llm(const flow::ServiceSpec& spec) {
  contract::Service* model = platform_.models->llm();
  if (!spec.url.empty()) {
    OPALINE_TRY(model, build_remote(spec));
    services_.llm = model;
  }
  const bool extracts = mode_of(spec, platform_.answer) == AnswerMode::extract;
  // Without passages of our own there are no spans to cite: the model answers as OPEA's does.
  if (platform_.library == nullptr || (model == nullptr && !extracts)) return model;
  services::AnsweringSettings answering;
  answering.mode = extracts ? services::AnsweringSettings::Mode::extract
                            : services::AnsweringSettings::Mode::generate;
  // What another server offers as a chat model is an instructed one.
  answering.prompt = !spec.url.empty() || platform_.instructed ? services::PromptStyle::messages
                                                               : services::PromptStyle::examples;
  OPALINE_TRY(auto service, services::AnsweringService::create(
                                std::move(answering), *platform_.models->embedding(), model));
  return &keep(std::move(service));
}

base::Result<contract::Service*> ServedFlow::build_remote(const flow::ServiceSpec& spec) {
  OPALINE_TRY(auto endpoint, http::Endpoint::parse(spec.url));
  if (const std::string tool = option(spec, "tool"); !tool.empty()) {
    OPALINE_TRY(std::string key, services::resolve_api_key(option(spec, "api_key")));
    return &keep(std::make_unique<services::McpService>(
        services::McpSettings{.endpoint = std::move(endpoint),
                              .path = spec.endpoint,
                              .tool = tool,
                              .api_key = std::move(key)},
        platform_.client));
  }
  OPALINE_TRY(auto remote, services::RemoteService::create(
                               {.kind = takes_any_json(spec) ? ServiceKind::custom : spec.kind,
                                .endpoint = std::move(endpoint),
                                .path = spec.endpoint,
                                .model = option(spec, "model"),
                                .api_key = option(spec, "api_key"),
                                .peer = services::RemoteSettings::Peer::foreign,
                                .label = ""},
                               platform_.client));
  return &keep(std::move(remote));
}

contract::Service& ServedFlow::make_registered(const std::string& name) {
  return keep(std::make_unique<services::RegisteredService>(name, platform_.registry, reach()));
}

services::RegisteredService::Reach ServedFlow::reach() {
  return [this](const std::string& url) -> base::Result<std::unique_ptr<contract::Service>> {
    OPALINE_TRY(auto endpoint, http::Endpoint::parse(url));
    std::string path = std::exchange(endpoint.base_path, {});
    OPALINE_TRY(auto remote,
                services::RemoteService::create({.kind = ServiceKind::custom,
                                                 .endpoint = std::move(endpoint),
                                                 .path = std::move(path),
                                                 .peer = services::RemoteSettings::Peer::foreign},
                                                platform_.client));
    return remote;
  };
}

contract::Service& ServedFlow::keep(std::unique_ptr<contract::Service> service) {
  made_.push_back(std::move(service));
  return *made_.back();
}

base::Result<void> ServedFlow::build_flow(const flow::AnyFlow& file) {
  if (!passes_json_) {
    OPALINE_TRY(runner_, flow::Runner::create(flow_, steps_));
    return {};
  }
  const auto json_service =
      [this](const flow::ServiceSpec& spec) -> base::Result<contract::Service*> {
    OPALINE_TRY(contract::Service * service, find_service(spec));
    if (service->kind() == ServiceKind::custom) return service;
    return &keep(std::make_unique<flow::JsonFace>(*service));
  };
  OPALINE_TRY(
      json_flow_,
      std::visit([&](const auto& flow) { return flow::BuiltFlow::create(flow, json_service); },
                 file));
  // So it answers questions in every dialect.
  contract::Service& whole = keep(std::make_unique<flow::FlowService>(json_flow_->orchestrator()));
  chats_ = std::make_unique<flow::ChatFace>(whole);
  return {};
}

std::vector<gateway::CustomService> ServedFlow::customs(const flow::AnyFlow& file) const {
  const auto first = std::visit(
      [](const auto& flow) -> std::vector<flow::ServiceSpec> { return asked_first(flow); }, file);
  std::vector<gateway::CustomService> all;
  for (const auto& [spec, service] : services_built_) {
    if (spec.kind == ServiceKind::custom && option(spec, "api_key").empty() &&
        std::ranges::find(first, spec) != first.end())
      all.push_back({spec.name, *service});
  }
  return all;
}

base::Result<void> ServedFlow::build_gateway(const flow::AnyFlow& file) {
  const auto* steps = std::get_if<flow::StepFlow>(&file);
  if (platform_.library) platform_.gateway.answer_sources = 5;
  platform_.gateway.answer_mode = platform_.answer == AnswerMode::extract ? "extract" : "generate";
  OPALINE_TRY(
      gateway_,
      gateway::Gateway::create(
          platform_.gateway,
          gateway::Collaborators{
              .flow = flow_,
              .runner = runner_.get(),
              .chats = chats_.get(),
              .json_flow = json_flow_ ? &json_flow_->orchestrator() : nullptr,
              .services = services_,
              .customs = customs(file),
              .flow_description = steps == nullptr ? "" : steps->description,
              .registry = platform_.registry,
              .reach = reach(),
              .ledger = *platform_.ledger,
              .metrics_text = [this] { return operations::prometheus_text(platform_.metrics); },
              .readiness = [this] { return parts(); },
              .models = [this] { return model_cards(); },
              .console = embedded_console()}));
  return {};
}

std::vector<gateway::Part> ServedFlow::parts() const {
  std::vector<gateway::Part> all;
  const auto add = [&all](std::string name, const contract::Service* service) {
    if (service != nullptr) all.push_back({std::move(name), service->health()});
  };
  for (const auto& [spec, service] : services_built_) {
    if (spec.kind != ServiceKind::dataprep) add(spec.name, service);
  }
  add("embedding model", platform_.models->embedding());
  add("language model", platform_.models->llm());
  if (platform_.library) add("ingestion", &platform_.library->dataprep());
  return all;
}

std::vector<gateway::ModelCard> ServedFlow::model_cards() const {
  std::vector<gateway::ModelCard> cards;
  if (platform_.models->embedding() != nullptr) {
    cards.push_back(
        {.id = "all-minilm-l6-v2", .kind = "embedding", .description = "Vectors of texts"});
  }
  if (services_.llm != nullptr) {
    cards.push_back({.id = "llm",
                     .kind = "llm",
                     .description = "The language model itself, without documents"});
  }
  return cards;
}

}  // namespace opaline::app
