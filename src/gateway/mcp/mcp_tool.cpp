#include "gateway/mcp/mcp_tool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "contract/json.hpp"
#include "gateway/json_service.hpp"

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

/// A reply of JSON as that of a tool, whose results are objects.
Result<McpToolReply> handed_on(http::Response reply, Readable readable) {
  const std::string_view type = reply.headers.get("Content-Type");
  if (reply.stream || !type.starts_with("application/json")) {
    return base::fail(ErrorCode::failed_precondition,
                      fmt::format("the answer is {}, which a tool cannot hand on; ask over HTTP",
                                  reply.stream ? "a stream" : type));
  }
  OPALINE_TRY(json::value value, contract::parse_json(reply.body));
  json::object object;
  if (value.is_object()) {
    object = std::move(value.get_object());
  } else {
    object.emplace("result", std::move(value));
    reply.body = json::serialize(object);
  }
  std::string text = readable(object, reply.body);
  return McpToolReply{.text = std::move(text), .json = std::move(reply.body)};
}

/// Asks a route as if it were posted to.
Task<Result<McpToolReply>> ask_route(const Route* route, Readable readable, McpToolCall call) {
  call.arguments.erase("stream");  // The answer is one message.
  call.call.request.method = "POST";
  call.call.request.path = route->pattern;
  call.call.request.body = json::serialize(call.arguments);
  OPALINE_CO_TRY(http::Response reply, co_await route->answer(std::move(call.call)));
  co_return handed_on(std::move(reply), readable);
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

/// Asks a service of the user's own: all of the arguments are its, also one named `stream`.
Task<Result<McpToolReply>> ask_service(contract::Service* service, McpToolCall call) {
  contract::JsonRequest request{.body = std::move(call.arguments)};
  OPALINE_CO_TRY(contract::Reply said,
                 co_await service->call(std::move(request), call.call.context));
  OPALINE_CO_TRY(http::Response reply, json_service_reply(std::move(said), std::move(call.call)));
  co_return handed_on(std::move(reply), as_it_is);
}

/// @param service kept by the tool.
McpTool service_tool(std::string name, const std::string& of,
                     std::shared_ptr<contract::Service> service) {
  return {.name = std::move(name),
          .title = of,
          .description = "The service '" + of + "' of this server's flow.",
          .input_schema = std::string(kOpen),
          .output_schema = std::string(kOpen),
          .cost = Route::Cost::query,
          .answer = [service = std::move(service)](McpToolCall call) {
            return ask_service(service.get(), std::move(call));
          }};
}

/// The names of tools, each taken once.
class ToolNames {
 public:
  explicit ToolNames(const std::vector<McpTool>& tools) {
    for (const McpTool& tool : tools) taken_.insert(tool.name);
  }
  /// Tool → service. A service whose name a tool may have gets it before those whose name only
  /// becomes the same one; one that finds no free name is left out.
  std::map<std::string, std::string, std::less<>> give(const std::vector<std::string>& services) {
    std::map<std::string, std::string, std::less<>> given;
    std::vector<std::string> others;
    for (const std::string& service : services) {
      if (allowed(service) == service && taken_.insert(service).second) {
        given.emplace(service, service);
      } else {
        others.push_back(service);
      }
    }
    for (std::string& service : others) {
      if (auto name = take(service)) given.emplace(*std::move(name), std::move(service));
    }
    return given;
  }

 private:
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

  std::set<std::string> taken_;
};

/// A service of the flow that registers itself. Services at a URL have their tools at once.
bool registers_itself(const flow::FlowSpec& flow, std::string_view service) {
  return std::ranges::any_of(flow.services, [service](const flow::ServiceSpec& one) {
    return one.name == service && one.kind == contract::ServiceKind::custom && one.url.empty();
  });
}

/// The tools of what is registered now.
class RegisteredTools {
 public:
  /// @param steps tool → service of the flow. @param names with those of `steps` taken.
  RegisteredTools(const McpToolSources& from, std::map<std::string, std::string, std::less<>> steps,
                  ToolNames names)
      : registry_(*from.registry),
        reach_(from.reach),
        others_(from.others),
        steps_(std::move(steps)),
        names_(std::move(names)) {
    for (const flow::ServiceSpec& service : from.flow.services) in_flow_.insert(service.name);
  }

  [[nodiscard]] std::vector<McpTool> all() const {
    std::vector<McpTool> tools;
    for (const auto& [name, service] : services()) {
      if (auto tool = made(name, service)) tools.push_back(*std::move(tool));
    }
    return tools;
  }

  [[nodiscard]] std::optional<McpTool> find(std::string_view name) const {
    if (const auto step = steps_.find(name); step != steps_.end())
      return made(step->first, step->second);
    if (others_ == RegisteredServices::of_the_flow) return {};
    const auto others = services();
    const auto other = others.find(name);
    if (other == others.end()) return {};
    return made(other->first, other->second);
  }

 private:
  /// By the names of their tools, if they are some.
  [[nodiscard]] std::map<std::string, std::string, std::less<>> services() const {
    auto all = steps_;
    if (others_ == RegisteredServices::of_the_flow) return all;
    std::vector<std::string> others = registry_.names();
    std::erase_if(others, [this](const std::string& name) { return in_flow_.contains(name); });
    ToolNames names = names_;
    all.merge(names.give(others));
    return all;
  }

  /// Nothing: it is not registered, or its card makes it none.
  [[nodiscard]] std::optional<McpTool> made(const std::string& name,
                                            const std::string& service) const {
    const auto found = registry_.find(service);
    if (!found) return {};
    const services::ServiceCard& card = found->card;
    const bool step = in_flow_.contains(service);
    if (!step && card.description.empty() && card.input_schema.empty()) return {};
    const auto input = object_schema(card.input_schema);
    if (!input) return {};
    McpTool tool = service_tool(
        name, service, std::make_shared<services::RegisteredService>(service, registry_, reach_));
    if (!card.description.empty()) tool.description = card.description;
    tool.input_schema = *input;
    tool.output_schema = object_schema(card.output_schema).value_or(tool.output_schema);
    tool.counted_as = "service";
    return tool;
  }

  services::ServiceRegistry& registry_;
  services::RegisteredService::Reach reach_;
  RegisteredServices others_;
  std::map<std::string, std::string, std::less<>> steps_;  // Tool → service, of the flow.
  std::set<std::string, std::less<>> in_flow_;
  ToolNames names_;
};

}  // namespace

McpTools mcp_tools(const McpToolSources& from) {
  std::vector<McpTool> tools;
  if (from.answering != nullptr && answers(from.answering->runner->spec()))
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
  std::vector<std::string> customs;
  for (const CustomService& custom : from.customs) customs.push_back(custom.name);
  std::map<std::string, std::string, std::less<>> steps;  // That register themselves.
  for (auto& [name, service] : names.give(customs)) {
    if (registers_itself(from.flow, service)) {
      steps.emplace(name, service);
      continue;
    }
    const auto custom = std::ranges::find(from.customs, service, &CustomService::name);
    // Not owned: it outlives the gateway.
    tools.push_back(service_tool(
        name, service,
        std::shared_ptr<contract::Service>(std::shared_ptr<void>(), &custom->service)));
  }
  McpTools all{.own = std::move(tools)};
  if (from.registry != nullptr && from.reach) {
    // Shared by both ways to ask.
    const auto registered =
        std::make_shared<const RegisteredTools>(from, std::move(steps), std::move(names));
    all.registered = [registered] { return registered->all(); };
    all.find_registered = [registered](std::string_view name) { return registered->find(name); };
  }
  return all;
}

}  // namespace opaline::gateway
