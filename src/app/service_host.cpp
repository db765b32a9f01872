#include "app/service_host.hpp"

#include <fmt/format.h>

#include "app/library.hpp"
#include "app/listener.hpp"
#include "app/model_children.hpp"
#include "app/runtime_folder.hpp"
#include "base/worker_pool.hpp"
#include "contract/service.hpp"
#include "engine/backend.hpp"
#include "engine/encoder.hpp"
#include "engine/generator.hpp"
#include "engine/model_library.hpp"
#include "gateway/microservice_gateway.hpp"
#include "http/server.hpp"
#include "operations/observe/prometheus.hpp"
#include "services/embedding/embedding_service.hpp"
#include "services/llm/llm_service.hpp"
#include "services/reranking/reranking_service.hpp"

namespace opaline::app {
namespace {

using contract::ServiceKind;

/// What all hosts share: metrics, the gateway of their services, the listener.
class Host : public ServiceHost {
 public:
  void start() override { server_->start(); }
  void stop() override { server_->stop(std::chrono::seconds(10)); }
  [[nodiscard]] std::string url() const override { return url_; }

 protected:
  base::Result<void> listen(const ServeSettings& settings, ServiceKind kind,
                            std::vector<gateway::HostedService> hosted) {
    OPALINE_TRY(auto limits, settings.listen.gateway());
    OPALINE_TRY(gateway_,
                gateway::MicroserviceGateway::create(std::move(limits), hosted, metrics_, [this] {
                  return operations::prometheus_text(metrics_);
                }));
    http::ServerSettings server = server_settings(
        settings.listen, "127.0.0.1", static_cast<std::uint16_t>(contract::default_port(kind)));
    server.unix_socket = settings.socket;
    gateway_->install(server);
    const std::string host = server.host;
    OPALINE_TRY(server_,
                http::Server::create(std::move(server), gateway_->request_handler(), metrics_));
    url_ = settings.socket.empty() ? url_of(host, server_->port()) : "unix:" + settings.socket;
    return {};
  }

  base::MetricRegistry metrics_;

 private:
  std::unique_ptr<gateway::MicroserviceGateway> gateway_;
  std::unique_ptr<http::Server> server_;
  std::string url_;
};

/// Embedding and reranking: one embedding model serves both; a reranking model reranks only.
class EncoderHost final : public Host {
 public:
  static base::Result<std::unique_ptr<ServiceHost>> create(const ServeSettings& settings,
                                                           ServiceKind kind) {
    auto host = std::make_unique<EncoderHost>();
    const engine::ModelLibrary library(settings.places.model_folder());
    OPALINE_TRY(auto model,
                library.resolve(settings.model.empty() ? "all-minilm-l6-v2" : settings.model));
    OPALINE_TRY(host->backend_, engine::Backend::create());
    OPALINE_TRY(host->encoder_,
                engine::Encoder::create(*host->backend_, {.model = std::move(model)}));
    host->embedding_ = std::make_unique<services::EmbeddingService>(*host->encoder_);
    host->reranking_ = std::make_unique<services::RerankingService>(*host->encoder_, host->pool_);
    const bool ranks = host->encoder_->ranks();
    if (ranks && kind == ServiceKind::embedding) {
      return base::fail(base::ErrorCode::invalid_argument,
                        "the model " + host->encoder_->model_name() +
                            " ranks passages and makes no vectors: type opaline serve reranking");
    }
    std::vector<gateway::HostedService> hosted;
    if (!ranks) hosted.push_back({*host->embedding_, ""});
    hosted.push_back({*host->reranking_, ""});
    OPALINE_TRY_DO(host->listen(settings, kind, std::move(hosted)));
    return host;
  }

 private:
  base::WorkerPool pool_{2};
  std::unique_ptr<engine::Backend> backend_;
  std::unique_ptr<engine::Encoder> encoder_;
  std::unique_ptr<services::EmbeddingService> embedding_;
  std::unique_ptr<services::RerankingService> reranking_;
};

class GeneratorHost final : public Host {
 public:
  static base::Result<std::unique_ptr<ServiceHost>> create(const ServeSettings& settings) {
    auto host = std::make_unique<GeneratorHost>();
    const engine::ModelLibrary library(settings.places.model_folder());
    OPALINE_TRY(auto model,
                library.resolve(settings.model.empty() ? "gemma-3-270m" : settings.model));
    OPALINE_TRY(host->backend_, engine::Backend::create());
    OPALINE_TRY(host->generator_,
                engine::Generator::create(*host->backend_, {.model = std::move(model)}));
    host->llm_ = std::make_unique<services::LlmService>(*host->generator_);
    OPALINE_TRY_DO(host->listen(settings, ServiceKind::llm, {{*host->llm_, ""}}));
    return host;
  }

 private:
  std::unique_ptr<engine::Backend> backend_;
  std::unique_ptr<engine::Generator> generator_;
  std::unique_ptr<services::LlmService> llm_;
};

/// Retrieval and ingestion over one data folder, with an embedding model in a child process.
class LibraryHost final : public Host {
 public:
  static base::Result<std::unique_ptr<ServiceHost>> create(const ServeSettings& settings,
                                                           ServiceKind kind) {
    auto host = std::make_unique<LibraryHost>();
    const engine::ModelLibrary models(settings.places.model_folder());
    OPALINE_TRY(auto model,
                models.resolve(settings.model.empty() ? "all-minilm-l6-v2" : settings.model));
    OPALINE_TRY(host->sockets_, RuntimeFolder::create());
    OPALINE_TRY(host->models_, ModelChildren::create({.sockets = host->sockets_->path(),
                                                      .embedding_model = std::move(model),
                                                      .llm_model = {},
                                                      .log_level = settings.listen.log_level},
                                                     host->client_));
    OPALINE_TRY(host->library_,
                Library::create({.data = settings.places.data_folder()},
                                *host->models_->embedding(), host->client_, host->metrics_));
    OPALINE_TRY_DO(host->listen(
        settings, kind, {{host->library_->retrieval(), ""}, {host->library_->dataprep(), ""}}));
    return host;
  }

  void stop() override {
    Host::stop();
    library_->stop();
    models_->stop();
  }

 private:
  http::Client client_;
  std::unique_ptr<RuntimeFolder> sockets_;
  std::unique_ptr<ModelChildren> models_;
  std::unique_ptr<Library> library_;
};

}  // namespace

base::Result<std::unique_ptr<ServiceHost>> ServiceHost::create(const ServeSettings& settings) {
  const auto kind = contract::service_kind(settings.service);
  if (!kind)
    return base::fail(base::ErrorCode::invalid_argument,
                      fmt::format("there is no service '{}'", settings.service));
  switch (*kind) {
    case ServiceKind::embedding:
    case ServiceKind::reranking: return EncoderHost::create(settings, *kind);
    case ServiceKind::llm: return GeneratorHost::create(settings);
    case ServiceKind::retrieval:
    case ServiceKind::dataprep: return LibraryHost::create(settings, *kind);
    case ServiceKind::custom: break;
  }
  OPALINE_ASSERT(false);
}

}  // namespace opaline::app
