#include "gateway/registry_routes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "contract/json.hpp"
#include "contract/json_writer.hpp"
#include "gateway/services.hpp"

namespace opaline::gateway {
namespace {

using base::Result;
using base::Task;
using contract::Health;
using contract::JsonWriter;
using http::Response;
using services::RegisteredCard;
using services::ServiceRegistry;

/// "ready", or {"state": …, "reason": …}.
Result<Health> read_health(contract::Fields& fields) {
  Health health;
  const boost::json::value* given = fields.find("health");
  if (given == nullptr) return health;
  std::string state;
  if (const auto* object = given->if_object()) {
    contract::Fields inner(*object, "health.");
    state = inner.text("state").value_or("ready");
    health.reason = inner.text("reason").value_or("");
    OPALINE_TRY_DO(inner.check());
  } else if (given->is_string()) {
    state = given->get_string();
  }
  for (const auto known : {Health::State::ready, Health::State::starting, Health::State::failed}) {
    if (name(known) != state) continue;
    health.state = known;
    return health;
  }
  fields.reject("health", "ready, starting or failed", *given);
  return health;
}

Result<Response> put(ServiceRegistry& registry, const Call& call) {
  OPALINE_TRY(const auto object, contract::parse_json_object(call.request.body));
  contract::Fields fields(object);
  services::ServiceInstance instance;
  instance.url = fields.text("url").value_or("");
  instance.version = fields.text("version").value_or("");
  instance.lease = std::chrono::seconds(fields.integer("lease_seconds", {.min = 0}).value_or(30));
  OPALINE_TRY(instance.health, read_health(fields));
  services::ServiceCard card;
  card.description = fields.text("description").value_or("");
  if (const auto* schema = fields.object("input_schema")) card.input_schema = *schema;
  if (const auto* schema = fields.object("output_schema")) card.output_schema = *schema;
  OPALINE_TRY_DO(fields.check());
  const auto lease = instance.lease;
  OPALINE_TRY(const bool is_new, registry.put(call.id, std::move(instance), std::move(card)));
  JsonWriter body;
  body.begin_object().field("name", call.id).field("lease_seconds", lease.count()).end_object();
  return Response::json(is_new ? 201 : 200, std::move(body).take());
}

Result<Response> remove(ServiceRegistry& registry, const Call& call) {
  OPALINE_TRY_DO(registry.remove(call.id, call.request.find_query("url").value_or("")));
  Response reply;
  reply.status = 204;
  return reply;
}

void write(JsonWriter& body, const RegisteredCard& card) {
  body.begin_object().field("name", card.name).field("description", card.card.description);
  body.field("input_schema", card.card.input_schema);
  body.field("output_schema", card.card.output_schema);
  body.key("instances").begin_array();
  for (const auto& one : card.instances) {
    body.begin_object().field("url", one.instance.url).field("version", one.instance.version);
    body.field("health", name(one.instance.health.state));
    if (!one.instance.health.reason.empty()) body.field("reason", one.instance.health.reason);
    body.field("lease_left_seconds", one.left.count()).end_object();
  }
  body.end_array().end_object();
}

Response list(ServiceRegistry& registry) {
  JsonWriter body;
  body.begin_object().key("services").begin_array();
  for (const RegisteredCard& card : registry.list()) write(body, card);
  body.end_array().end_object();
  return Response::json(200, std::move(body).take());
}

Result<Response> show(ServiceRegistry& registry, const Call& call) {
  const auto card = registry.find(call.id);
  if (!card) {
    return base::fail(base::ErrorCode::not_found, "no service is registered as '" + call.id + "'");
  }
  JsonWriter body;
  write(body, *card);
  return Response::json(200, std::move(body).take());
}

std::string_view purpose(contract::ServiceKind kind) {
  switch (kind) {
    case contract::ServiceKind::embedding: return "Vectors of texts";
    case contract::ServiceKind::retrieval: return "Passages for a question";
    case contract::ServiceKind::reranking: return "Passages in order of their worth";
    case contract::ServiceKind::llm: return "An answer in words";
    case contract::ServiceKind::dataprep: return "Documents in, searchable passages out";
    case contract::ServiceKind::custom: break;
  }
  return "A service of your own";
}

/// "1.2", or of instances that differ "1.2, 1.3".
std::string versions_of(const RegisteredCard& card) {
  std::set<std::string_view> all;
  for (const auto& one : card.instances) all.insert(one.instance.version);
  all.erase("");
  return fmt::format("{}", fmt::join(all, ", "));
}

/// As it is now, where that is known: a service at a URL says nothing of itself.
void add_state(boost::json::object& one, const flow::ServiceSpec& service,
               const std::optional<RegisteredCard>& card, const FlowView& view) {
  if (!service.url.empty()) return;
  const std::vector<Part> parts = view.parts ? view.parts() : std::vector<Part>();
  const auto part = std::ranges::find(parts, service.name, &Part::name);
  if (part != parts.end()) {
    one.emplace("health", name(part->health.state));
    if (!part->health.reason.empty()) one.emplace("reason", part->health.reason);
  }
  const bool ours = service.kind != contract::ServiceKind::custom;
  const std::string version = ours ? view.version : card ? versions_of(*card) : "";
  if (!version.empty()) one.emplace("version", version);
}

Response list_service(const FlowView& view, ServiceRegistry& registry) {
  JsonWriter body;
  body.begin_object();
  for (const flow::ServiceSpec& service : view.flow.services) {
    const auto card = registry.find(service.name);
    const std::string described = card ? card->card.description : "";
    boost::json::object one;
    one.emplace("description",
                described.empty() ? purpose(service.kind) : std::string_view(described));
    one.emplace("endpoint", service.endpoint);
    one.emplace("kind", contract::name(service.kind));
    if (!service.url.empty()) one.emplace("url", service.url);
    add_state(one, service, card, view);
    body.member(service.name, one);
  }
  body.end_object();
  return Response::json(200, std::move(body).take());
}

boost::json::object parameter(std::string_view type) { return {{"type", type}}; }
boost::json::object parameter(std::string_view type, const boost::json::value& usual) {
  return {{"type", type}, {"default", usual}};
}

/// What a client may say in a request, by the step that minds it, and what holds when it does not.
boost::json::object parameters_of(contract::ServiceKind kind, const contract::ChatRequest& usual) {
  switch (kind) {
    case contract::ServiceKind::retrieval:
      return {{"k", parameter("integer", usual.search.k)},
              {"search_type", parameter("string", "similarity")},
              {"score_threshold", parameter("number", usual.search.score_threshold)},
              {"fetch_k", parameter("integer", usual.search.fetch_k)},
              {"lambda_mult", parameter("number", usual.search.lambda_mult)}};
    case contract::ServiceKind::reranking: return {{"top_n", parameter("integer", usual.top_n)}};
    case contract::ServiceKind::llm:
      // How a model samples when it is not told is its own affair.
      return {{"max_tokens", parameter("integer")},
              {"temperature", parameter("number")},
              {"top_p", parameter("number")},
              {"top_k", parameter("integer")},
              {"frequency_penalty", parameter("number")},
              {"presence_penalty", parameter("number")},
              {"repetition_penalty", parameter("number")},
              {"stream", parameter("boolean", usual.stream)}};
    case contract::ServiceKind::embedding:
    case contract::ServiceKind::dataprep:
    case contract::ServiceKind::custom: break;
  }
  return {};
}

Response list_parameters(const FlowView& view, ServiceRegistry& registry) {
  JsonWriter body;
  body.begin_object();
  for (const flow::ServiceSpec& service : view.flow.services) {
    boost::json::object parameters = parameters_of(service.kind, view.usual);
    if (const auto card = registry.find(service.name)) {
      const auto* declared = card->card.input_schema.if_contains("properties");
      if (declared != nullptr && declared->is_object()) parameters = declared->get_object();
    }
    body.member(service.name, parameters);
  }
  body.end_object();
  return Response::json(200, std::move(body).take());
}

Task<Result<Response>> at_once(Result<Response> reply) { co_return reply; }

}  // namespace

std::vector<Route> registry_routes(services::ServiceRegistry& registry, FlowView view) {
  ServiceRegistry* own = &registry;
  // Owners: the routes below.
  const auto steps = std::make_shared<const FlowView>(std::move(view));
  std::vector<Route> routes;
  const auto add = [&routes](std::string method, std::string pattern, std::string_view summary,
                             std::function<Result<Response>(const Call&)> answer,
                             std::string_view example = {}) {
    routes.push_back(
        {.method = std::move(method),
         .pattern = std::move(pattern),
         .answer = [answer = std::move(answer)](Call call) { return at_once(answer(call)); },
         .documentation = {.tag = "Services", .summary = summary, .request_example = example}});
  };
  add(
      "PUT", "/v1/services/{id}", "Register a service of your own, or renew its lease",
      [own](const Call& call) { return put(*own, call); },
      R"({"url":"http://127.0.0.1:9001/v1/translate","lease_seconds":30,"description":"Translates"})");
  add("DELETE", "/v1/services/{id}", "Take a service out, or with ?url= one instance",
      [own](const Call& call) { return remove(*own, call); });
  add("GET", "/v1/services", "Services that registered themselves",
      [own](const Call&) { return list(*own); });
  add("GET", "/v1/services/{id}", "One of them",
      [own](const Call& call) { return show(*own, call); });
  add("GET", "/v1/list_service", "The services of the flow (OPEA)",
      [own, steps](const Call&) { return list_service(*steps, *own); });
  add("GET", "/v1/list_parameters", "What a request may say, by step (OPEA)",
      [own, steps](const Call&) { return list_parameters(*steps, *own); });
  return routes;
}

}  // namespace opaline::gateway
