#include "app/assembly.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/embedded_console.hpp"
#include "app/listener.hpp"
#include "engine/model_library.hpp"
#include "flow/any_flow.hpp"
#include "flow/json_face.hpp"
#include "operations/observe/prometheus.hpp"
#include "services/answering/answering_service.hpp"
#include "services/registry/registered_service.hpp"
#include "services/remote/remote_service.hpp"

namespace opaline::app {

using base::ErrorCode;
using contract::ServiceKind;

namespace {

constexpr auto kStopGrace = std::chrono::seconds(10);

/// An option of a flow file's service, or "".
std::string option(const flow::ServiceSpec& spec, const std::string& key) {
  const auto found = spec.options.find(key);
  return found == spec.options.end() ? "" : found->second;
}

/// How an llm of ours answers: as the flow file says, else as all do.
AnswerMode mode_of(const flow::ServiceSpec& spec, AnswerMode usual) {
  const std::string mode = option(spec, "mode");
  return mode == "generate"  ? AnswerMode::generate
         : mode == "extract" ? AnswerMode::extract
                             : usual;
}

const flow::ServiceSpec* find_own(const flow::FlowSpec& spec, ServiceKind kind) {
  const auto own = [kind](const flow::ServiceSpec& one) {
    return one.kind == kind && one.url.empty();
  };
  const auto found = std::ranges::find_if(spec.services, own);
  return found == spec.services.end() ? nullptr : &*found;
}

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

}  // namespace

Assembly::Assembly() = default;
Assembly::~Assembly() { stop(); }

base::Result<std::unique_ptr<Assembly>> Assembly::create(const UpSettings& settings) {
  std::unique_ptr<Assembly> made(new Assembly);
  OPALINE_TRY_DO(made->build(settings));
  return made;
}

base::Result<void> Assembly::build(const UpSettings& settings) {
  flow::AnyFlow file = flow::built_in_flow();
  if (!settings.flow.empty()) {
    OPALINE_TRY(file, flow::load_any_flow(settings.flow));
  }
  const auto* steps = std::get_if<flow::StepFlow>(&file);
  flow_ = steps ? served_by(*steps) : std::get<flow::FlowSpec>(file);
  passes_json_ = steps != nullptr || flow_.passes_json();
  const flow::FlowSpec& spec = flow_;
  OPALINE_TRY(gateway_settings_, settings.listen.gateway());
  OPALINE_TRY_DO(build_models(settings, spec));
  if (find_own(spec, ServiceKind::retrieval) != nullptr ||
      find_own(spec, ServiceKind::dataprep) != nullptr) {
    OPALINE_TRY(library_, Library::create({.data = settings.places.data_folder(),
                                           .private_links = settings.private_links},
                                          *models_->embedding(), client_, metrics_));
    services_.retrieval = &library_->retrieval();
    services_.dataprep = &library_->dataprep();
  }
  services_.llm = models_->llm();
  std::vector<std::pair<flow::ServiceSpec, contract::Service*>> own_ports;
  for (std::size_t i = 0; i < spec.services.size(); ++i) {
    OPALINE_TRY(contract::Service * service, find_service(spec.services[i]));
    if (i < spec.graph.size()) steps_.push_back(service);
    if (spec.services[i].url.empty() && spec.services[i].port)
      own_ports.emplace_back(spec.services[i], service);
  }
  if (services_.embedding == nullptr) services_.embedding = models_->embedding();
  if (services_.reranking == nullptr) services_.reranking = models_->reranking();
  OPALINE_TRY_DO(build_flow(file));
  OPALINE_TRY_DO(build_gateway());
  OPALINE_TRY_DO(listen(settings));
  for (const auto& [own, service] : own_ports)
    OPALINE_TRY_DO(listen_for_service(settings, own, *service));
  return {};
}

base::Result<void> Assembly::build_models(const UpSettings& settings, const flow::FlowSpec& spec) {
  const flow::ServiceSpec* llm = find_own(spec, ServiceKind::llm);
  const std::string llm_named =
      llm != nullptr && !option(*llm, "model").empty() ? option(*llm, "model") : settings.llm_model;
  const std::string mode = llm == nullptr ? "" : option(*llm, "mode");
  answer_ = settings.answer;
  if (answer_ == AnswerMode::automatic && mode == "generate") answer_ = AnswerMode::generate;
  if (answer_ == AnswerMode::automatic && mode == "extract") answer_ = AnswerMode::extract;
  if (answer_ == AnswerMode::automatic) {
    // A remote llm step writes answers; our own does so only when a model was chosen for it.
    const bool remote =
        llm == nullptr && std::ranges::any_of(spec.services, [](const flow::ServiceSpec& one) {
          return one.kind == ServiceKind::llm;
        });
    const bool alone = llm != nullptr && find_own(spec, ServiceKind::retrieval) == nullptr;
    answer_ = remote || alone || !llm_named.empty() ? AnswerMode::generate : AnswerMode::extract;
  }

  ModelChildren::Settings children{.log_level = settings.listen.log_level};
  const engine::ModelLibrary library(settings.places.model_folder());
  const bool encodes = std::ranges::any_of(spec.services, [](const flow::ServiceSpec& one) {
    return one.url.empty() && one.kind != ServiceKind::llm && one.kind != ServiceKind::custom;
  });
  if (encodes) {
    const flow::ServiceSpec* embedding = find_own(spec, ServiceKind::embedding);
    const std::string named = embedding == nullptr ? "" : option(*embedding, "model");
    OPALINE_TRY(children.embedding_model,
                library.resolve(named.empty() ? settings.embedding_model : named));
  }
  if (const flow::ServiceSpec* reranking = find_own(spec, ServiceKind::reranking)) {
    const std::string named = option(*reranking, "model");
    const std::string& model = named.empty() ? settings.reranking_model : named;
    if (!model.empty()) {
      OPALINE_TRY(children.reranking_model, library.resolve(model));
    }
  }
  const bool generates = std::ranges::any_of(spec.services, [this](const flow::ServiceSpec& one) {
    return one.kind == ServiceKind::llm && one.url.empty() &&
           mode_of(one, answer_) == AnswerMode::generate;
  });
  if (generates) {
    OPALINE_TRY(children.llm_model,
                library.resolve(llm_named.empty() ? "gemma-3-270m" : llm_named));
    OPALINE_TRY(const auto described, engine::inspect_model(children.llm_model));
    instructed_ = described.chat_template;
  }
  OPALINE_TRY(sockets_, RuntimeFolder::create());
  children.sockets = sockets_->path();
  OPALINE_TRY(models_, ModelChildren::create(children, client_));
  return {};
}

contract::Service& Assembly::keep(std::unique_ptr<contract::Service> service) {
  made_.push_back(std::move(service));
  return *made_.back();
}

base::Result<contract::Service*> Assembly::build_remote(const flow::ServiceSpec& spec) {
  OPALINE_TRY(auto endpoint, http::Endpoint::parse(spec.url));
  OPALINE_TRY(auto remote, services::RemoteService::create(
                               {.kind = passes_json_ ? ServiceKind::custom : spec.kind,
                                .endpoint = std::move(endpoint),
                                .path = spec.endpoint,
                                .model = option(spec, "model"),
                                .api_key = option(spec, "api_key"),
                                .peer = services::RemoteSettings::Peer::foreign,
                                .label = ""},
                               client_));
  return &keep(std::move(remote));
}

base::Result<contract::Service*> Assembly::build_llm(const flow::ServiceSpec& spec) {
  contract::Service* model = models_->llm();
  if (!spec.url.empty()) {
    OPALINE_TRY(model, build_remote(spec));
    services_.llm = model;
  }
  // Without passages of our own there are no spans to cite: the model answers as OPEA's does.
  if (library_ == nullptr) return model;
  services::AnsweringSettings answering;
  answering.mode = mode_of(spec, answer_) == AnswerMode::extract
                       ? services::AnsweringSettings::Mode::extract
                       : services::AnsweringSettings::Mode::generate;
  // What another server offers as a chat model is an instructed one.
  answering.prompt = !spec.url.empty() || instructed_ ? services::PromptStyle::messages
                                                      : services::PromptStyle::examples;
  OPALINE_TRY(auto service, services::AnsweringService::create(std::move(answering),
                                                               *models_->embedding(), model));
  return &keep(std::move(service));
}

contract::Service& Assembly::make_registered(const std::string& name) {
  return keep(std::make_unique<services::RegisteredService>(
      name, registry_,
      [this](const std::string& url) -> base::Result<std::unique_ptr<contract::Service>> {
        OPALINE_TRY(auto endpoint, http::Endpoint::parse(url));
        std::string path = std::exchange(endpoint.base_path, {});
        OPALINE_TRY(auto remote, services::RemoteService::create(
                                     {.kind = ServiceKind::custom,
                                      .endpoint = std::move(endpoint),
                                      .path = std::move(path),
                                      .peer = services::RemoteSettings::Peer::foreign},
                                     client_));
        return remote;
      }));
}

base::Result<contract::Service*> Assembly::build_service(const flow::ServiceSpec& spec) {
  if (spec.kind == ServiceKind::custom && spec.url.empty()) return &make_registered(spec.name);
  if (passes_json_ && !spec.url.empty()) return build_remote(spec);
  if (spec.kind == ServiceKind::llm) return build_llm(spec);
  contract::Service* service = nullptr;
  if (!spec.url.empty()) {
    OPALINE_TRY(service, build_remote(spec));
  }
  switch (spec.kind) {
    case ServiceKind::embedding:
      if (service == nullptr) service = models_->embedding();
      services_.embedding = service;
      break;
    case ServiceKind::reranking:
      if (service == nullptr) service = models_->reranking();
      services_.reranking = service;
      break;
    case ServiceKind::retrieval:
      if (service == nullptr) service = &library_->retrieval();
      services_.retrieval = service;
      break;
    case ServiceKind::dataprep:
      if (service == nullptr) service = &library_->dataprep();
      services_.dataprep = service;
      break;
    case ServiceKind::llm:
    case ServiceKind::custom: break;
  }
  return service;
}

base::Result<contract::Service*> Assembly::find_service(const flow::ServiceSpec& spec) {
  for (const auto& [built, service] : services_built_) {
    if (built == spec) return service;
  }
  OPALINE_TRY(contract::Service * service, build_service(spec));
  services_built_.emplace_back(spec, service);
  return service;
}

base::Result<void> Assembly::build_flow(const flow::AnyFlow& file) {
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
  return {};
}

base::Result<void> Assembly::build_gateway() {
  if (library_) gateway_settings_.answer_sources = 5;
  gateway_settings_.answer_mode = answer_ == AnswerMode::extract ? "extract" : "generate";
  OPALINE_TRY(gateway_,
              gateway::Gateway::create(
                  gateway_settings_,
                  gateway::Collaborators{
                      .flow = flow_,
                      .runner = runner_.get(),
                      .json_flow = json_flow_ ? &json_flow_->orchestrator() : nullptr,
                      .services = services_,
                      .registry = registry_,
                      .metrics = metrics_,
                      .metrics_text = [this] { return operations::prometheus_text(metrics_); },
                      .readiness = [this] { return parts(); },
                      .models = [this] { return model_cards(); },
                      .console = embedded_console()}));
  return {};
}

base::Result<void> Assembly::listen(const UpSettings& settings) {
  const flow::FlowSpec& spec = flow_;
  http::ServerSettings server = server_settings(settings.listen, spec.host, spec.port);
  gateway_->install(server);
  host_ = server.host;
  OPALINE_TRY(server_,
              http::Server::create(std::move(server), gateway_->request_handler(), metrics_));
  return {};
}

base::Result<void> Assembly::listen_for_service(const UpSettings& settings,
                                                const flow::ServiceSpec& spec,
                                                contract::Service& service) {
  OPALINE_TRY(auto own, gateway::MicroserviceGateway::create(
                            gateway_settings_, {{service, spec.endpoint}}, metrics_,
                            [this] { return operations::prometheus_text(metrics_); }));
  http::ServerSettings server;
  server.host = settings.listen.host.value_or(spec.host);
  server.port = *spec.port;
  server.threads = 1;
  own->install(server);
  OPALINE_TRY(auto listener,
              http::Server::create(std::move(server), own->request_handler(), metrics_));
  service_gateways_.push_back(std::move(own));
  service_servers_.push_back(std::move(listener));
  return {};
}

void Assembly::start() {
  for (const auto& server : service_servers_) server->start();
  server_->start();
}

void Assembly::stop() {
  if (server_) server_->stop(kStopGrace);
  for (const auto& server : service_servers_) server->stop(kStopGrace);
  if (library_) library_->stop();
  if (models_) models_->stop();
}

std::string Assembly::url() const { return url_of(host_, server_->port()); }

std::vector<gateway::Part> Assembly::parts() const {
  std::vector<gateway::Part> all;
  const auto add = [&all](std::string name, const contract::Service* service) {
    if (service != nullptr) all.push_back({std::move(name), service->health()});
  };
  for (const auto& [spec, service] : services_built_) {
    if (spec.kind != ServiceKind::dataprep) add(spec.name, service);
  }
  add("embedding model", models_->embedding());
  add("language model", models_->llm());
  if (library_) add("ingestion", &library_->dataprep());
  return all;
}

bool Assembly::ready() const {
  return std::ranges::all_of(parts(), [](const gateway::Part& part) {
    return part.health.state == contract::Health::State::ready;
  });
}

std::vector<gateway::ModelCard> Assembly::model_cards() const {
  std::vector<gateway::ModelCard> cards;
  if (models_->embedding() != nullptr) {
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
