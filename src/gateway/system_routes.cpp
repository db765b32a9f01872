#include "gateway/system_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "contract/json_writer.hpp"
#include "gateway/docs_page.hpp"
#include "gateway/openapi.hpp"

namespace opaline::gateway {
namespace {

using base::Result;
using base::Task;
using contract::JsonWriter;
using http::Response;
using View = std::shared_ptr<const SystemView>;  // Owners: the routes made from it.
using namespace std::chrono_literals;

Task<Result<Response>> at_once(Response reply) { co_return reply; }

Response typed(std::string_view type, std::string body) {
  Response reply;
  reply.headers.set("Content-Type", std::string(type));
  reply.body = std::move(body);
  return reply;
}

Response health_check(const SystemView& view) {
  JsonWriter body;
  body.begin_object().field("Service Title", view.title).field("Version", view.version);
  body.field("Service Description", view.description).end_object();
  return Response::json(200, std::move(body).take());
}

Response readiness(const SystemView& view) {
  const std::vector<Part> parts = view.readiness ? view.readiness() : std::vector<Part>();
  const auto unready = [](const Part& part) {
    return part.health.state != contract::Health::State::ready;
  };
  const bool ready = std::ranges::none_of(parts, unready);
  JsonWriter body;
  body.begin_object().field("status", ready ? "ready" : "not ready");
  body.key("reasons").begin_array();
  for (const Part& part : parts) {
    if (unready(part)) body.value(fmt::format("{}: {}", part.name, part.health.reason));
  }
  body.end_array().key("parts").begin_array();
  for (const Part& part : parts) {
    body.begin_object().field("name", part.name).field("state", name(part.health.state));
    body.field("reason", part.health.reason).end_object();
  }
  body.end_array().end_object();
  Response reply = Response::json(ready ? 200 : 503, std::move(body).take());
  if (!ready) reply.headers.set("Retry-After", "2");
  return reply;
}

void write(JsonWriter& body, const ModelCard& card) {
  body.begin_object().field("id", card.id).field("object", "model").field("created", card.created);
  body.field("owned_by", card.owned_by)
      .field("kind", card.kind)
      .field("description", card.description)
      .end_object();
}

Response models(const SystemView& view) {
  JsonWriter body;
  body.begin_object().field("object", "list").key("data").begin_array();
  for (const ModelCard& card : view.models()) write(body, card);
  body.end_array().end_object();
  return Response::json(200, std::move(body).take());
}

Task<Result<Response>> model(View view, std::string id) {
  for (const ModelCard& card : view->models()) {
    if (card.id != id) continue;
    JsonWriter body;
    write(body, card);
    co_return Response::json(200, std::move(body).take());
  }
  co_return base::fail(base::ErrorCode::not_found,
                       fmt::format("there is no model '{}'; /v1/models lists them", id));
}

// The count is as of now; a store that does not answer at once leaves the last one.
Task<Result<Response>> metrics_text(View view, GatewayMetrics* metrics, base::Context context) {
  if (view->dataprep != nullptr) {
    contract::DataprepRequest unfinished =
        contract::ListJobsRequest{.limit = 10'000, .unfinished_only = true};
    auto listed = co_await contract::call<contract::DataprepReply>(
        *view->dataprep, std::move(unfinished), context.within(200ms));
    if (listed) {
      if (const auto* jobs = std::get_if<contract::ListJobsReply>(&*listed)) {
        metrics->ingestion_queue().set(static_cast<double>(jobs->jobs.size()));
      }
    }
  }
  co_return typed("text/plain; version=0.0.4; charset=utf-8",
                  view->metrics_text ? view->metrics_text() : "");
}

Route open_route(std::string pattern, Route::Answer answer, Documentation documentation) {
  return {.method = "GET",
          .pattern = std::move(pattern),
          .answer = std::move(answer),
          .documentation = documentation,
          .access = Route::Access::open};
}

constexpr std::string_view kTag = "System";

}  // namespace

std::vector<Route> system_routes(SystemView given, GatewayMetrics& metrics) {
  const auto view = std::make_shared<const SystemView>(std::move(given));
  std::vector<Route> routes;
  routes.push_back(open_route("/health", [](Call) { return at_once({}); },
                              {.tag = kTag, .summary = "Alive? 200 with an empty body (OPEA)"}));
  routes.push_back(open_route(
      "/healthz", [](Call) { return at_once(Response::json(200, R"({"status":"alive"})")); },
      {.tag = kTag,
       .summary = "Alive? Says nothing about models",
       .reply_example = R"({"status":"alive"})"}));
  routes.push_back(open_route(
      "/v1/health_check", [view](Call) { return at_once(health_check(*view)); },
      {.tag = kTag,
       .summary = "Name and version (OPEA)",
       .reply_example =
           R"({"Service Title":"opaline","Version":"0.1.0","Service Description":"…"})"}));
  routes.push_back(open_route(
      "/readyz", [view](Call) { return at_once(readiness(*view)); },
      {.tag = kTag,
       .summary = "Ready to answer? 503 with reasons until every part is",
       .reply = "Readiness",
       .reply_example =
           R"({"status":"not ready","reasons":["llm: loading the model"],"parts":[{"name":"llm","state":"starting","reason":"loading the model"}]})"}));
  routes.push_back(
      {.method = "GET",
       .pattern = "/metrics",
       .answer = [view, &metrics](
                     Call call) { return metrics_text(view, &metrics, std::move(call.context)); },
       .documentation = {.tag = kTag,
                         .summary = "Metrics in Prometheus' text format",
                         .reply_example = "rag_queries_total{route=\"/rag\",status=\"success\"} 12",
                         .reply_type = "text/plain"}});
  routes.push_back(
      {.method = "GET",
       .pattern = "/v1/statistics",
       .answer =
           [&metrics](Call) { return at_once(Response::json(200, metrics.statistics().json())); },
       .documentation = {
           .tag = kTag,
           .summary = "Latencies of the last calls, in seconds (OPEA)",
           .reply = "Statistics",
           .reply_example =
               R"({"/rag":{"p50_latency":0.41,"p99_latency":1.2,"average_latency":0.5,"p50_latency_first_token":null,"p99_latency_first_token":null,"average_latency_first_token":null}})"}});
  if (view->models) {
    routes.push_back(
        {.method = "GET",
         .pattern = "/v1/models",
         .answer = [view](Call) { return at_once(models(*view)); },
         .documentation = {
             .tag = kTag,
             .summary = "What may be named as a model (OpenAI)",
             .reply = "ModelList",
             .reply_example =
                 R"({"object":"list","data":[{"id":"chatqna","object":"model","created":0,"owned_by":"opaline","kind":"flow","description":"Answers with sources from your documents"}]})"}});
    routes.push_back(
        {.method = "GET",
         .pattern = "/v1/models/{id}",
         .answer = [view](Call call) { return model(view, std::move(call.id)); },
         .documentation = {
             .tag = kTag,
             .summary = "One of them (OpenAI)",
             .reply = "Model",
             .reply_example =
                 R"({"id":"chatqna","object":"model","created":0,"owned_by":"opaline","kind":"flow","description":"Answers with sources from your documents"})"}});
  }
  if (!view->config_json.empty()) {
    routes.push_back(open_route(
        "/v1/config", [view](Call) { return at_once(Response::json(200, view->config_json)); },
        {.tag = kTag,
         .summary = "What a client should know before its first request",
         .reply = "Config",
         .reply_example =
             R"({"version":"0.1.0","auth_required":false,"answer_mode":"generate","limits":{"query_characters":1000,"body_bytes":2097152,"upload_bytes":268435456,"requests_per_minute":0},"services":["embedding","retrieval","llm","dataprep"],"flow":{"endpoint":"/v1/chatqna","steps":[{"name":"embedding","kind":"embedding","remote":false,"after":[]}]}})"}));
  }
  return routes;
}

std::vector<Route> documentation_routes(const std::vector<Route>& routes,
                                        std::string_view version) {
  // Owners: the route below.
  auto description = std::make_shared<std::string>();
  std::vector<Route> made;
  made.push_back(open_route(
      "/openapi.json", [description](Call) { return at_once(Response::json(200, *description)); },
      {.tag = kTag, .summary = "This description (OpenAPI 3.1)"}));
  made.push_back(open_route(
      "/docs",
      [](Call) { return at_once(typed("text/html; charset=utf-8", std::string(kDocsPage))); },
      {.tag = kTag, .summary = "This description, for people", .reply_type = "text/html"}));
  std::vector<Route> described = routes;
  described.insert(described.end(), made.begin(), made.end());
  *description = openapi_json(described, version);
  made.push_back(open_route(
      "/docs/page.js",
      [](Call) {
        return at_once(typed("text/javascript; charset=utf-8", std::string(kDocsScript)));
      },
      {.tag = kTag, .summary = "The script of /docs", .reply_type = "text/javascript"}));
  made.push_back(open_route(
      "/docs/page.css",
      [](Call) { return at_once(typed("text/css; charset=utf-8", std::string(kDocsStyle))); },
      {.tag = kTag, .summary = "The style of /docs", .reply_type = "text/css"}));
  return made;
}

}  // namespace opaline::gateway
