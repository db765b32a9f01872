#include "gateway/gateway.hpp"

#include <chrono>
#include <functional>
#include <optional>

#include "contract/json_writer.hpp"
#include "gateway/answer_routes.hpp"
#include "gateway/document_routes.hpp"
#include "gateway/json_flow_routes.hpp"
#include "gateway/mcp/mcp_routes.hpp"
#include "gateway/microservice_routes.hpp"
#include "gateway/registry_routes.hpp"
#include "gateway/search_routes.hpp"
#include "gateway/system_routes.hpp"

namespace opaline::gateway {
namespace {

using contract::JsonWriter;

/// Each step with what leads to it. @param more writes what else is known of one.
void write_steps(JsonWriter& body, const flow::Graph& graph,
                 const std::function<void(flow::Graph::Node)>& more) {
  body.key("steps").begin_array();
  for (flow::Graph::Node node = 0; node < graph.size(); ++node) {
    body.begin_object().field("name", graph.name(node));
    more(node);
    body.key("after").begin_array();
    for (const flow::Graph::Node before : graph.predecessors(node)) body.value(graph.name(before));
    body.end_array().end_object();
  }
  body.end_array();
}

void write_flow(JsonWriter& body, const Collaborators& with) {
  body.key("flow").begin_object().field("endpoint", with.flow.endpoint);
  if (with.json_flow != nullptr) {
    const flow::JsonFlow& flow = with.json_flow->flow();
    write_steps(body, flow.graph, [&](flow::Graph::Node node) {
      const flow::JsonStep& step = flow.steps[node];
      if (step.service != nullptr) body.field("kind", contract::name(step.kind));
    });
  } else {
    write_steps(body, with.flow.graph, [&](flow::Graph::Node node) {
      const flow::ServiceSpec& service = with.flow.services[node];
      body.field("kind", contract::name(service.kind)).field("remote", !service.url.empty());
    });
  }
  body.end_object();
}

std::string config_json(const GatewaySettings& settings, const Collaborators& with) {
  using contract::ServiceKind;
  JsonWriter body;
  body.begin_object()
      .field("version", settings.version)
      .field("auth_required", !settings.keys.empty());
  body.field("answer_mode", settings.answer_mode).key("limits").begin_object();
  body.field("query_characters", settings.query_characters)
      .field("body_bytes", settings.body_bytes);
  body.field("upload_bytes", settings.upload_bytes);
  body.field("requests_per_minute", settings.rate_limit.requests_per_minute).end_object();
  body.key("services").begin_array();
  for (const ServiceKind kind : {ServiceKind::embedding, ServiceKind::retrieval,
                                 ServiceKind::reranking, ServiceKind::llm, ServiceKind::dataprep}) {
    if (with.services.find(kind) != nullptr) body.value(contract::name(kind));
  }
  body.end_array();
  write_flow(body, with);
  body.end_object();
  return std::move(body).take();
}

/// The deployment's models with the flow's own names before them.
std::function<std::vector<ModelCard>()> with_flow_models(
    std::function<std::vector<ModelCard>()> models) {
  const std::int64_t started = std::chrono::duration_cast<std::chrono::seconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count();
  return [models = std::move(models), started] {
    std::vector<ModelCard> cards;
    for (const std::string& name : flow_model_names()) {
      cards.push_back({.id = name,
                       .kind = "flow",
                       .description = "Answers with sources from your documents",
                       .created = started});
    }
    if (!models) return cards;
    for (ModelCard& card : models()) cards.push_back(std::move(card));
    return cards;
  };
}

void append(std::vector<Route>& all, std::vector<Route> more) {
  for (Route& route : more) all.push_back(std::move(route));
}

std::vector<Route> make_routes(const GatewaySettings& settings, const Collaborators& with,
                               GatewayMetrics& metrics) {
  const AnswerStreamSettings stream{.heartbeat = settings.heartbeat};
  const auto models = with_flow_models(with.models);
  std::vector<Route> routes;
  std::optional<Answering> answering;
  if (with.runner != nullptr || with.chats != nullptr) {
    answering.emplace(Answering{.runner = with.runner,
                                .chats = with.chats,
                                .llm = with.services.llm,
                                .models = models,
                                .query_characters = settings.query_characters,
                                .search_candidates = settings.search_candidates,
                                .answer_sources = settings.answer_sources,
                                .stream = stream});
    append(routes, answer_routes(*answering));
  }
  if (with.json_flow != nullptr) {
    // At its own endpoint a flow takes and gives the JSON of its steps.
    std::erase_if(routes, [&with](const Route& one) { return one.pattern == with.flow.endpoint; });
    append(routes, json_flow_routes(*with.json_flow, with.flow.endpoint));
  }
  append(routes, search_routes(with.services, settings));
  const bool typed = answering && !with.json_flow;
  append(routes, registry_routes(with.registry, {.flow = with.flow,
                                                 .parts = with.readiness,
                                                 .version = settings.version,
                                                 .usual = typed ? usual_request(*answering)
                                                                : contract::ChatRequest()}));
  append(routes, document_routes(with.services,
                                 {.poll = settings.job_poll, .heartbeat = settings.heartbeat}));
  append(routes, embedding_routes(with.services));
  append(routes, retrieval_routes(with.services));
  append(routes, reranking_routes(with.services));
  append(routes,
         mcp_routes(mcp_tools({.answering = answering && with.runner ? &*answering : nullptr,
                               .json_endpoint = with.json_flow ? with.flow.endpoint : "",
                               .description = with.flow_description,
                               .flow = with.flow,
                               .routes = routes,
                               .services = with.services,
                               .customs = with.customs,
                               .others = settings.keys.empty() ? RegisteredServices::of_the_flow
                                                               : RegisteredServices::all,
                               .registry = &with.registry,
                               .reach = with.reach}),
                    {.version = settings.version, .heartbeat = settings.heartbeat}, metrics));
  append(routes, system_routes({.description = "Answers with sources from your own documents",
                                .version = settings.version,
                                .readiness = with.readiness,
                                .metrics_text = with.metrics_text,
                                .models = models,
                                .config_json = config_json(settings, with),
                                .dataprep = with.services.dataprep},
                               metrics));
  append(routes, documentation_routes(routes, settings.version));
  return routes;
}

}  // namespace

base::Result<std::unique_ptr<Gateway>> Gateway::create(GatewaySettings settings,
                                                       Collaborators collaborators) {
  std::unique_ptr<Gateway> gateway(new Gateway);
  auto routes = make_routes(settings, collaborators, collaborators.ledger.metrics);
  auto fallback = [console = std::move(collaborators.console)](const http::Request& request) {
    return console_reply(console, request);
  };
  OPALINE_TRY(gateway->pipeline_, Pipeline::create(std::move(settings), std::move(routes),
                                                   collaborators.ledger, std::move(fallback)));
  return gateway;
}

http::Handler Gateway::request_handler() { return pipeline_->request_handler(); }
void Gateway::install(http::ServerSettings& server) { pipeline_->install(server); }

}  // namespace opaline::gateway
