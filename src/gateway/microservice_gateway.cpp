#include "gateway/microservice_gateway.hpp"

#include <algorithm>

#include "gateway/custom_routes.hpp"
#include "gateway/document_routes.hpp"
#include "gateway/microservice_routes.hpp"

namespace opaline::gateway {
namespace {

using contract::ServiceKind;

std::vector<Route> routes_of(const HostedService& hosted, const GatewaySettings& settings) {
  contract::Service& service = hosted.service;
  Services one;
  switch (service.kind()) {
    case ServiceKind::embedding: one.embedding = &service; return embedding_routes(one);
    case ServiceKind::retrieval: one.retrieval = &service; return retrieval_routes(one);
    case ServiceKind::reranking: one.reranking = &service; return reranking_routes(one);
    case ServiceKind::llm:
      one.llm = &service;
      return llm_routes(one, {.heartbeat = settings.heartbeat});
    case ServiceKind::custom:
      return custom_routes(service, hosted.endpoint.empty() ? "/" : hosted.endpoint);
    case ServiceKind::dataprep: break;
  }
  one.dataprep = &service;
  return document_routes(one, {.poll = settings.job_poll, .heartbeat = settings.heartbeat});
}

void add(std::vector<Route>& routes, const HostedService& hosted, const GatewaySettings& settings) {
  auto own = routes_of(hosted, settings);
  const auto at = [&own](std::string_view pattern) {
    return std::ranges::find(own, pattern, &Route::pattern);
  };
  // The endpoint that the flow file gives it speaks what the kind's first one speaks.
  if (!hosted.endpoint.empty() && at(hosted.endpoint) == own.end()) {
    Route renamed = own.front();
    renamed.pattern = hosted.endpoint;
    own.push_back(std::move(renamed));
  }
  for (Route& route : own) routes.push_back(std::move(route));
}

}  // namespace

base::Result<std::unique_ptr<MicroserviceGateway>> MicroserviceGateway::create(
    GatewaySettings settings, const std::vector<HostedService>& hosted,
    base::MetricRegistry& metrics, std::function<std::string()> metrics_text) {
  std::vector<Route> routes;
  std::vector<contract::Service*> services;
  std::string title = "opaline";
  contract::Service* dataprep = nullptr;
  for (const HostedService& one : hosted) {
    add(routes, one, settings);
    services.push_back(&one.service);
    title += "/" + std::string(contract::name(one.service.kind()));
    if (one.service.kind() == ServiceKind::dataprep) dataprep = &one.service;
  }
  auto readiness = [services] {
    std::vector<Part> parts;
    for (const contract::Service* service : services) {
      parts.push_back({std::string(contract::name(service->kind())), service->health()});
    }
    return parts;
  };
  SystemView view{.title = title,
                  .description = "A microservice of Opaline",
                  .version = settings.version,
                  .readiness = std::move(readiness),
                  .metrics_text = std::move(metrics_text),
                  .dataprep = dataprep};
  return create(std::move(settings), std::move(view), std::move(routes), metrics);
}

base::Result<std::unique_ptr<MicroserviceGateway>> MicroserviceGateway::create(
    GatewaySettings settings, SystemView view, std::vector<Route> routes,
    base::MetricRegistry& metrics) {
  std::unique_ptr<MicroserviceGateway> gateway(
      new MicroserviceGateway(metrics, settings.rate_limit));
  for (Route& route : system_routes(std::move(view), gateway->ledger_.metrics)) {
    routes.push_back(std::move(route));
  }
  for (Route& route : documentation_routes(routes, settings.version))
    routes.push_back(std::move(route));
  OPALINE_TRY(gateway->pipeline_,
              Pipeline::create(std::move(settings), std::move(routes), gateway->ledger_, nullptr));
  return gateway;
}

http::Handler MicroserviceGateway::request_handler() { return pipeline_->request_handler(); }
void MicroserviceGateway::install(http::ServerSettings& server) { pipeline_->install(server); }

}  // namespace opaline::gateway
