#include "gateway/mcp/mcp_tool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "contract/json.hpp"
#include "gateway/custom_routes.hpp"

namespace opaline::gateway {
namespace json = boost::json;
namespace {

using base::ErrorCode;
using base::Result;
using base::Task;
using contract::ChatReply;

constexpr std::string_view kAskInput = R"json({"type":"object","properties":{
 "question":{"type":"string","description":"The question, in full; earlier ones are not remembered."},
 "top_k":{"type":"integer","minimum":1,"maximum":50,"description":"How many passages the answer may rest on. Leave it out for the usual number."}},
 "required":["question"]})json";
constexpr std::string_view kAskOutput = R"json({"type":"object","properties":{
 "answer":{"type":"string","description":"[1] in it is the first of the sources."},
 "declined":{"type":"boolean","description":"The documents do not say."},
 "sources":{"type":"array","items":{"type":"object","properties":{
  "index":{"type":"integer"},"document_id":{"type":"string"},"source":{"type":"string"},
  "title":{"type":"string"},"title_path":{"type":"string"},
  "cited":{"type":"boolean"},"quote":{"type":"string"},"page":{"type":"integer"},
  "span":{"type":"object","description":"Bytes of the document's text."},"score":{"type":"number"}},
  "required":["index","source","quote"]}},
 "citations":{"type":"array","items":{"type":"object"}},
 "warnings":{"type":"array","items":{"type":"string"}}},
 "required":["answer","declined","sources"]})json";

constexpr std::string_view kSearchInput = R"json({"type":"object","properties":{
 "query":{"type":"string","description":"A question or keywords."},
 "k":{"type":"integer","minimum":1,"maximum":1000,"default":10,"description":"How many passages."}},
 "required":["query"]})json";
constexpr std::string_view kSearchOutput = R"json({"type":"object","properties":{
 "query":{"type":"string"},
 "hits":{"type":"array","description":"Best first.","items":{"type":"object","properties":{
  "score":{"type":"number"},"id":{"type":"string"},"document_id":{"type":"string"},
  "source":{"type":"string"},"title":{"type":"string"},"title_path":{"type":"string"},
  "text":{"type":"string"},"page":{"type":"integer"},
  "span":{"type":"object","description":"Bytes of the document's text."},
  "metadata":{"type":"object"},"scores":{"type":"object"}},"required":["source","text","score"]}},
 "timings_ms":{"type":"object"},"warnings":{"type":"array","items":{"type":"string"}}},
 "required":["query","hits"]})json";

constexpr std::string_view kEmbedInput = R"json({"type":"object","properties":{
 "input":{"description":"A text, or a list of texts.","anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]}},
 "required":["input"]})json";
constexpr std::string_view kEmbedOutput = R"json({"type":"object","properties":{
 "data":{"type":"array","items":{"type":"object","properties":{
  "index":{"type":"integer"},"embedding":{"type":"array","items":{"type":"number"}}},"required":["index","embedding"]}},
 "model":{"type":"string"},"usage":{"type":"object"}},"required":["data"]})json";

constexpr std::string_view kRerankInput = R"json({"type":"object","properties":{
 "query":{"type":"string"},
 "documents":{"type":"array","items":{"type":"string"}},
 "top_n":{"type":"integer","minimum":1,"description":"How many to keep; all when left out."}},
 "required":["query","documents"]})json";
constexpr std::string_view kRerankOutput = R"json({"type":"object","properties":{
 "results":{"type":"array","description":"Best first.","items":{"type":"object","properties":{
  "index":{"type":"integer","description":"Of the document, from 0."},"relevance_score":{"type":"number"}},
  "required":["index","relevance_score"]}}},"required":["results"]})json";

constexpr std::string_view kFlow =
    "Runs this server's flow. The arguments are what its first steps get, the result is what its "
    "last step says.";
constexpr std::string_view kOpen = R"({"type":"object","additionalProperties":true})";

// ---- The flow's answer

/// The pieces of a streamed answer go to `call.progress`; the end is the whole.
Task<Result<ChatReply>> pulled(std::unique_ptr<contract::ChatStream> stream,
                               const McpToolCall* call) {
  std::string text;
  for (;;) {
    OPALINE_CO_TRY(contract::ChatDelta delta, co_await stream->next());
    if (delta.end) {
      delta.end->text = std::move(text);
      co_return *std::move(delta.end);
    }
    if (delta.text.empty()) continue;
    call->call.query->piece();
    call->progress(delta.text);
    text += delta.text;
  }
}

Result<contract::ChatRequest> read_question(const json::object& arguments, int candidates) {
  contract::Fields fields(arguments);
  contract::ChatRequest request;
  request.messages = {{.role = "user", .content = fields.text("question").value_or("")}};
  if (const auto top_k = fields.integer("top_k", {.min = 1, .max = 50})) {
    request.top_n = static_cast<int>(*top_k);
    request.search.k = std::max(candidates, request.top_n);
    request.search.fetch_k = std::max(request.search.fetch_k, request.search.k);
    request.explicit_top_n = request.explicit_k = true;
  }
  OPALINE_TRY_DO(fields.check());
  return request;
}

/// Quotes read as the answer does: an answer from the documents names them.
std::string readable(const ChatReply& reply) {
  std::string text = reply.text;
  std::string list;
  for (std::size_t i = 0; i < reply.sources.size(); ++i) {
    const int number = static_cast<int>(i) + 1;
    if (std::ranges::find(reply.citations, number, &contract::Citation::source) !=
        reply.citations.end())
      list += fmt::format("\n[{}] {}", number, reply.sources[i].source);
  }
  if (!list.empty()) text += "\n\nSources:" + list;
  return text;
}

Task<Result<McpToolReply>> ask(const Answering* answering, McpToolCall call) {
  OPALINE_CO_TRY(auto request, read_question(call.arguments, answering->search_candidates));
  request.stream = static_cast<bool>(call.progress);
  OPALINE_CO_TRY(auto reply, co_await ask_flow(answering, std::move(request), &call.call));
  if (auto* stream = std::get_if<std::unique_ptr<contract::ChatStream>>(&reply)) {
    OPALINE_CO_TRY(reply, co_await pulled(std::move(*stream), &call));
  }
  const auto* whole = std::get_if<ChatReply>(&reply);
  if (whole == nullptr)
    co_return base::fail(ErrorCode::internal, "the flow answered with another kind of reply");
  call.call.query->answered(*whole);
  co_return McpToolReply{.text = readable(*whole), .json = write_rag_reply(*whole)};
}

bool answers(const flow::FlowSpec& flow) {
  return std::ranges::any_of(flow.graph.leaves(), [&flow](flow::Graph::Node leaf) {
    return flow.services[leaf].kind == contract::ServiceKind::llm;
  });
}

McpTool ask_tool(const Answering& answering) {
  return {.name = "ask",
          .title = "Ask the documents",
          .description =
              "Answers a question from the documents of this server, with the passages that the "
              "answer rests on. Says so when the documents have no answer.",
          .input_schema = std::string(kAskInput),
          .output_schema = std::string(kAskOutput),
          .effect = McpTool::Effect::reads,
          .cost = Route::Cost::query,
          // Owner: the tool.
          .answer = [kept = std::make_shared<const Answering>(answering)](McpToolCall call) {
            return ask(kept.get(), std::move(call));
          }};
}

/// Of a flow that passes JSON.
McpTool::Effect effect_of(const flow::FlowSpec& flow) {
  const bool ours = std::ranges::all_of(flow.services, [](const flow::ServiceSpec& service) {
    return service.url.empty() && service.kind != contract::ServiceKind::custom &&
           service.kind != contract::ServiceKind::dataprep;
  });
  return ours ? McpTool::Effect::reads : McpTool::Effect::unknown;
}

// ---- What routes answer

using Readable = std::string (*)(const json::object& reply, std::string_view body);

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  if (found == nullptr || !found->is_string()) return {};
  return found->get_string();
}

std::string as_it_is(const json::object&, std::string_view body) { return std::string(body); }

std::string passages(const json::object& reply, std::string_view) {
  const json::value* hits = reply.if_contains("hits");
  if (hits == nullptr || !hits->is_array() || hits->get_array().empty())
    return "Nothing was found.";
  std::string text;
  int number = 0;
  for (const json::value& one : hits->get_array()) {
    const json::object* hit = one.if_object();
    if (hit == nullptr) continue;
    const std::string_view path = text_of(*hit, "title_path");
    text +=
        fmt::format("{}[{}] {}{}{}\n{}", text.empty() ? "" : "\n\n", ++number,
                    text_of(*hit, "source"), path.empty() ? "" : ": ", path, text_of(*hit, "text"));
  }
  return text;
}

/// Asks a route as if it were posted to.
Task<Result<McpToolReply>> ask_route(const Route* route, Readable readable, McpToolCall call) {
  call.arguments.erase("stream");  // The answer is one message.
  call.call.request.method = "POST";
  call.call.request.path = route->pattern;
  call.call.request.body = json::serialize(call.arguments);
  OPALINE_CO_TRY(http::Response reply, co_await route->answer(std::move(call.call)));
  const std::string_view type = reply.headers.get("Content-Type");
  if (reply.stream || !type.starts_with("application/json")) {
    co_return base::fail(ErrorCode::failed_precondition,
                         fmt::format("the answer is {}, which a tool cannot hand on; ask {}",
                                     reply.stream ? "a stream" : type, route->pattern));
  }
  OPALINE_CO_TRY(json::value value, contract::parse_json(reply.body));
  json::object object;
  if (value.is_object()) {
    object = std::move(value.get_object());
  } else {
    object.emplace("result", std::move(value));
    reply.body = json::serialize(object);
  }
  std::string text = readable(object, reply.body);
  co_return McpToolReply{.text = std::move(text), .json = std::move(reply.body)};
}

void add(std::vector<McpTool>& tools, const std::vector<Route>& routes, std::string_view pattern,
         McpTool tool, Readable readable) {
  const auto found = std::ranges::find_if(routes, [pattern](const Route& route) {
    return route.method == "POST" && route.pattern == pattern;
  });
  if (found == routes.end()) return;
  tool.cost = found->cost;
  // Owner: the tool.
  tool.answer = [route = std::make_shared<const Route>(*found), readable](McpToolCall call) {
    return ask_route(route.get(), readable, std::move(call));
  };
  tools.push_back(std::move(tool));
}

/// Clients allow 64 letters, digits, "_" and "-".
std::string allowed(std::string_view text) {
  constexpr std::size_t kNameBytes = 64;
  std::string name(text.substr(0, kNameBytes));
  for (char& c : name) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
    if (!kept) c = '_';
  }
  return name;
}

/// "/v1/guarded" → "guarded".
std::string name_of(std::string_view endpoint) {
  constexpr std::string_view kVersion = "/v1/";
  if (endpoint.starts_with(kVersion)) endpoint.remove_prefix(kVersion.size());
  while (endpoint.starts_with('/')) endpoint.remove_prefix(1);
  std::string name = allowed(endpoint);
  if (name.empty()) name = "flow";
  for (const std::string_view taken : {"ask", "search", "embed", "rerank"}) {
    if (name == taken) return name + "_flow";
  }
  return name;
}

// ---- Services of the user's own

/// A registered schema as that of a tool, which is of an object; nothing when it is of something
/// else.
std::optional<std::string> object_schema(const json::object& schema) {
  json::object whole = schema;
  const json::value* type = schema.if_contains("type");
  const json::array* list = type == nullptr ? nullptr : type->if_array();
  const bool object =
      type == nullptr || *type == json::value("object") ||
      (list != nullptr && std::ranges::find(*list, json::value("object")) != list->end());
  if (!object) return {};
  whole["type"] = "object";
  return json::serialize(whole);
}

/// @param service kept by the tool.
McpTool service_tool(const std::string& name, std::shared_ptr<contract::Service> service) {
  McpTool tool{.name = name,
               .title = name,
               .description = "The service '" + name + "' of this server's flow.",
               .input_schema = std::string(kOpen),
               .output_schema = std::string(kOpen),
               .cost = Route::Cost::query};
  // Owner: the tool.
  auto route = std::make_shared<const Route>(
      std::move(custom_routes(*service, "/v1/services/" + name).front()));
  tool.answer = [service = std::move(service), route = std::move(route)](McpToolCall call) {
    return ask_route(route.get(), as_it_is, std::move(call));
  };
  return tool;
}

/// Which names are taken, and those that others get.
class ToolNames {
 public:
  explicit ToolNames(const std::vector<McpTool>& tools) {
    for (const McpTool& tool : tools) taken_.insert(tool.name);
  }
  /// Nothing: there is no free name like that.
  std::optional<std::string> take(std::string_view service) {
    constexpr std::string_view kKind = "_service";
    std::string name = allowed(service);
    if (taken_.insert(name).second) return name;
    name.resize(std::min(name.size(), std::size_t{64} - kKind.size()));
    name += kKind;
    if (taken_.insert(name).second) return name;
    return {};
  }

 private:
  std::set<std::string> taken_;
};

/// The tools of what is registered now.
class RegisteredTools {
 public:
  RegisteredTools(const McpToolSources& from, ToolNames names)
      : registry_(*from.registry), reach_(from.reach), names_(std::move(names)) {
    for (const flow::ServiceSpec& service : from.flow.services) {
      if (service.kind == contract::ServiceKind::custom && service.url.empty())
        steps_.insert(service.name);
    }
  }

  std::vector<McpTool> operator()() const {
    ToolNames names = names_;
    std::vector<McpTool> tools;
    for (const services::RegisteredCard& one : registry_.list()) {
      const services::ServiceCard& card = one.card;
      const bool step = steps_.contains(one.name);
      if (!step && card.description.empty() && card.input_schema.empty()) continue;
      const auto input = object_schema(card.input_schema);
      const auto name = input ? names.take(one.name) : std::nullopt;
      if (!name) continue;
      McpTool tool = service_tool(
          one.name, std::make_shared<services::RegisteredService>(one.name, registry_, reach_));
      tool.name = *name;
      if (!card.description.empty()) tool.description = card.description;
      tool.input_schema = *input;
      tool.output_schema = object_schema(card.output_schema).value_or(tool.output_schema);
      tool.counted_as = "service";
      tools.push_back(std::move(tool));
    }
    return tools;
  }

 private:
  services::ServiceRegistry& registry_;
  services::RegisteredService::Reach reach_;
  ToolNames names_;
  std::set<std::string> steps_;  // Of the flow, that register themselves.
};

}  // namespace

McpTools mcp_tools(const McpToolSources& from) {
  std::vector<McpTool> tools;
  if (from.answering != nullptr && answers(from.answering->runner.spec()))
    tools.push_back(ask_tool(*from.answering));
  if (!from.json_endpoint.empty()) {
    add(tools, from.routes, from.json_endpoint,
        {.name = name_of(from.json_endpoint),
         .title = "Run the flow at " + from.json_endpoint,
         .description = from.description.empty() ? std::string(kFlow) : from.description,
         .input_schema = std::string(kOpen),
         .output_schema = std::string(kOpen),
         .effect = effect_of(from.flow)},
        as_it_is);
  }
  if (from.services.retrieval != nullptr) {
    add(tools, from.routes, "/v1/search",
        {.name = "search",
         .title = "Search the documents",
         .description = "Finds the passages of this server's documents that fit a question best.",
         .input_schema = std::string(kSearchInput),
         .output_schema = std::string(kSearchOutput),
         .effect = McpTool::Effect::reads},
        passages);
  }
  if (from.services.embedding != nullptr) {
    add(tools, from.routes, "/v1/embeddings",
        {.name = "embed",
         .title = "Embed texts",
         .description = "Turns texts into vectors whose cosine says how close their meanings are.",
         .input_schema = std::string(kEmbedInput),
         .output_schema = std::string(kEmbedOutput),
         .effect = McpTool::Effect::reads},
        as_it_is);
  }
  if (from.services.reranking != nullptr) {
    add(tools, from.routes, "/v1/rerank",
        {.name = "rerank",
         .title = "Order texts",
         .description = "Orders texts by how well they answer a question, best first.",
         .input_schema = std::string(kRerankInput),
         .output_schema = std::string(kRerankOutput),
         .effect = McpTool::Effect::reads},
        as_it_is);
  }
  ToolNames names(tools);
  for (const CustomService& custom : from.customs) {
    const auto name = names.take(custom.name);
    if (!name) continue;
    // Not owned: it outlives the gateway.
    McpTool tool = service_tool(
        custom.name, std::shared_ptr<contract::Service>(std::shared_ptr<void>(), &custom.service));
    tool.name = *name;
    tools.push_back(std::move(tool));
  }
  McpTools all{.own = std::move(tools), .registered = {}};
  if (from.registry != nullptr && from.reach)
    all.registered = RegisteredTools(from, std::move(names));
  return all;
}

}  // namespace opaline::gateway
