#include "app/assembly.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/listener.hpp"
#include "engine/model_library.hpp"
#include "operations/observe/prometheus.hpp"

namespace opaline::app {

using base::ErrorCode;
using contract::ServiceKind;

namespace {

constexpr auto kStopGrace = std::chrono::seconds(10);

const flow::ServiceSpec* find_own(const flow::FlowSpec& spec, ServiceKind kind) {
  const auto own = [kind](const flow::ServiceSpec& one) {
    return one.kind == kind && one.url.empty();
  };
  const auto found = std::ranges::find_if(spec.services, own);
  return found == spec.services.end() ? nullptr : &*found;
}

/// Ours with ports of their own: where they listen cannot change while the server runs.
std::vector<flow::ServiceSpec> own_ports(const flow::FlowSpec& flow) {
  std::vector<flow::ServiceSpec> found;
  for (const flow::ServiceSpec& one : flow.services) {
    if (one.url.empty() && one.port) found.push_back(one);
  }
  return found;
}

/// A streamed reply, and the flow that it comes from.
class KeptBody final : public http::BodyStream {
 public:
  KeptBody(std::shared_ptr<ServedFlow> flow, std::unique_ptr<http::BodyStream> body)
      : flow_(std::move(flow)), body_(std::move(body)) {}
  base::Task<base::Result<std::optional<std::string>>> next() override { return body_->next(); }

 private:
  std::shared_ptr<ServedFlow> flow_;  // Shared with the server while it is the current one.
  std::unique_ptr<http::BodyStream> body_;
};

}  // namespace

Assembly::Assembly() = default;
Assembly::~Assembly() { stop(); }

base::Result<std::unique_ptr<Assembly>> Assembly::create(const UpSettings& settings,
                                                         const flow::AnyFlow& flow) {
  std::unique_ptr<Assembly> made(new Assembly);
  OPALINE_TRY_DO(made->build(settings, flow));
  return made;
}

base::Result<void> Assembly::build(const UpSettings& settings, const flow::AnyFlow& flow) {
  const flow::FlowSpec spec = served_part(flow);
  OPALINE_TRY(platform_.gateway, settings.listen.gateway());
  platform_.ledger =
      std::make_unique<gateway::Ledger>(platform_.metrics, platform_.gateway.rate_limit);
  OPALINE_TRY_DO(build_models(settings, spec));
  if (find_own(spec, ServiceKind::retrieval) != nullptr ||
      find_own(spec, ServiceKind::dataprep) != nullptr) {
    OPALINE_TRY(platform_.library, Library::create({.data = settings.places.data_folder(),
                                                    .private_links = settings.private_links},
                                                   *platform_.models->embedding(), platform_.client,
                                                   platform_.metrics));
  }
  OPALINE_TRY(first_, ServedFlow::create(flow, platform_));
  current_.store(first_);
  OPALINE_TRY_DO(listen(settings));
  for (const flow::ServiceSpec& own : own_ports(spec)) {
    OPALINE_TRY(contract::Service * service, first_->find_service(own));
    OPALINE_TRY_DO(listen_for_service(settings, own, *service));
  }
  return {};
}

base::Result<void> Assembly::serve(const flow::AnyFlow& flow) {
  const flow::FlowSpec& now = first_->flow();
  const flow::FlowSpec next = served_part(flow);
  if (next.host != now.host || next.port != now.port || own_ports(next) != own_ports(now)) {
    return base::fail(base::ErrorCode::failed_precondition,
                      "hosts and ports change only when the server is started anew");
  }
  OPALINE_TRY_DO(check_models(next, usual_models_, running_models_, platform_.answer));
  OPALINE_TRY(auto served, ServedFlow::create(flow, platform_));
  current_.store(std::move(served));
  return {};
}

base::Task<http::Response> Assembly::answer(http::Request request, base::Context context) {
  // One that is answered now keeps its flow to the end.
  const std::shared_ptr<ServedFlow> flow = current_.load();
  context.lease = flow;
  http::Response reply = co_await flow->gateway().answer(std::move(request), std::move(context));
  if (reply.stream) reply.stream = std::make_unique<KeptBody>(flow, std::move(reply.stream));
  co_return reply;
}

base::Result<void> Assembly::build_models(const UpSettings& settings, const flow::FlowSpec& spec) {
  usual_models_ = {.embedding = settings.embedding_model,
                   .reranking = settings.reranking_model,
                   .llm = settings.llm_model.empty() ? "gemma-3-270m" : settings.llm_model};
  const flow::ServiceSpec* llm = find_own(spec, ServiceKind::llm);
  const std::string llm_named =
      llm != nullptr && !option(*llm, "model").empty() ? option(*llm, "model") : settings.llm_model;
  platform_.answer = settings.answer;
  if (platform_.answer == AnswerMode::automatic && llm != nullptr)
    platform_.answer = mode_of(*llm, AnswerMode::automatic);
  if (platform_.answer == AnswerMode::automatic) {
    // A remote llm step writes answers; our own does so only when a model was chosen for it.
    const bool remote =
        llm == nullptr && std::ranges::any_of(spec.services, [](const flow::ServiceSpec& one) {
          return one.kind == ServiceKind::llm;
        });
    const bool alone = llm != nullptr && find_own(spec, ServiceKind::retrieval) == nullptr;
    platform_.answer =
        remote || alone || !llm_named.empty() ? AnswerMode::generate : AnswerMode::extract;
  }
  OPALINE_TRY(const ModelChoice wanted, choose_models(spec, usual_models_, platform_.answer));

  ModelChildren::Settings children{.log_level = settings.listen.log_level};
  const engine::ModelLibrary library(settings.places.model_folder());
  const bool encodes = std::ranges::any_of(spec.services, [](const flow::ServiceSpec& one) {
    return one.url.empty() && one.kind != ServiceKind::llm && one.kind != ServiceKind::custom;
  });
  if (encodes) {
    running_models_.embedding = wanted.embedding.value_or(settings.embedding_model);
    OPALINE_TRY(children.embedding_model, library.resolve(*running_models_.embedding));
    running_models_.reranking = wanted.reranking.value_or("");
  }
  if (wanted.reranking && !wanted.reranking->empty()) {
    OPALINE_TRY(children.reranking_model, library.resolve(*wanted.reranking));
  }
  const bool generates = std::ranges::any_of(spec.services, [this](const flow::ServiceSpec& one) {
    return one.kind == ServiceKind::llm && one.url.empty() &&
           mode_of(one, platform_.answer) == AnswerMode::generate;
  });
  if (generates) {
    running_models_.llm = wanted.llm.value_or(*usual_models_.llm);
    OPALINE_TRY(children.llm_model, library.resolve(*running_models_.llm));
    OPALINE_TRY(const auto described, engine::inspect_model(children.llm_model));
    platform_.instructed = described.chat_template;
  }
  OPALINE_TRY(platform_.sockets, RuntimeFolder::create());
  children.sockets = platform_.sockets->path();
  OPALINE_TRY(platform_.models, ModelChildren::create(children, platform_.client));
  return {};
}

base::Result<void> Assembly::listen(const UpSettings& settings) {
  const flow::FlowSpec& spec = first_->flow();
  http::ServerSettings server = server_settings(settings.listen, spec.host, spec.port);
  // What a request may cost and how it is refused follow the settings, which stay.
  first_->gateway().install(server);
  server.limits_for = [this](const http::Request& request) {
    return current_.load()->gateway().limits_for(request);
  };
  host_ = server.host;
  OPALINE_TRY(server_, http::Server::create(
                           std::move(server),
                           [this](http::Request request, base::Context context) {
                             return answer(std::move(request), std::move(context));
                           },
                           platform_.metrics));
  return {};
}

base::Result<void> Assembly::listen_for_service(const UpSettings& settings,
                                                const flow::ServiceSpec& spec,
                                                contract::Service& service) {
  OPALINE_TRY(auto own, gateway::MicroserviceGateway::create(
                            platform_.gateway, {{service, spec.endpoint}}, platform_.metrics,
                            [this] { return operations::prometheus_text(platform_.metrics); }));
  http::ServerSettings server;
  server.host = settings.listen.host.value_or(spec.host);
  server.port = *spec.port;
  server.threads = 1;
  own->install(server);
  OPALINE_TRY(auto listener,
              http::Server::create(std::move(server), own->request_handler(), platform_.metrics));
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
  if (platform_.library) platform_.library->stop();
  if (platform_.models) platform_.models->stop();
}

std::string Assembly::url() const { return url_of(host_, server_->port()); }

std::vector<gateway::Part> Assembly::parts() const { return current_.load()->parts(); }

bool Assembly::ready() const {
  const std::vector<gateway::Part> all = parts();
  return std::ranges::all_of(all, [](const gateway::Part& part) {
    return part.health.state == contract::Health::State::ready;
  });
}

}  // namespace opaline::app
