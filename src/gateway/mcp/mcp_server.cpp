#include "gateway/mcp/mcp_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "contract/json.hpp"
#include "contract/json_writer.hpp"
#include "gateway/error_reply.hpp"

namespace opaline::gateway {
namespace json = boost::json;
namespace {

using base::Result;
using base::Task;
using contract::JsonWriter;
using contract::RpcError;
using contract::RpcRequest;

constexpr std::array<std::string_view, 3> kVersions = {"2024-11-05", "2025-03-26", "2025-06-18"};
constexpr std::string_view kBatchVersion = "2025-03-26";  // The only one that had them.
constexpr std::int64_t kServerError = -32000;             // Of the range that is the server's own.

RpcError invalid(std::string why) {
  return {.code = RpcError::kInvalidParameters, .message = std::move(why)};
}

std::string text_result(std::string_view text, std::string_view structured, bool error) {
  JsonWriter body;
  body.begin_object().key("content").begin_array();
  body.begin_object().field("type", "text").field("text", text).end_object().end_array();
  if (!structured.empty()) body.key("structuredContent").raw(structured);
  body.field("isError", error).end_object();
  return std::move(body).take();
}

void write_tool(JsonWriter& body, const McpTool& tool) {
  body.begin_object().field("name", tool.name).field("title", tool.title);
  body.field("description", tool.description).key("inputSchema").raw(tool.input_schema);
  body.key("outputSchema").raw(tool.output_schema).key("annotations").begin_object();
  body.field("title", tool.title);
  const bool reads = tool.effect == McpTool::Effect::reads;
  // Without the hint a client takes the worst for granted, and that is what is known.
  if (reads) body.field("readOnlyHint", true);
  body.field("openWorldHint", !reads).end_object().end_object();
}

/// What tells a client how far a call is; nothing when it did not ask.
std::optional<json::value> progress_token(const json::object& parameters) {
  const json::value* meta = parameters.if_contains("_meta");
  const json::object* object = meta == nullptr ? nullptr : meta->if_object();
  const json::value* token = object == nullptr ? nullptr : object->if_contains("progressToken");
  if (token == nullptr || !(token->is_string() || token->is_int64() || token->is_uint64()))
    return {};
  return *token;
}

/// Each piece of an answer as a notification.
std::function<void(std::string_view)> progress_of(const json::value& token,
                                                  std::function<void(std::string)> notify) {
  return [token, notify = std::move(notify),
          number = std::int64_t{0}](std::string_view piece) mutable {
    notify(contract::write_rpc_request(
        {.id = {},
         .method = "notifications/progress",
         .parameters = {{"progressToken", token}, {"progress", ++number}, {"message", piece}}}));
  };
}

/// What a query's record does for queries.
void log_failure(const McpTool& tool, const base::Context& context, const base::Error& error) {
  base::log(status_of(error) >= 500 ? base::LogLevel::warning : base::LogLevel::info, "tool_failed",
            {{"request_id", context.request_id},
             {"trace_id", context.trace.trace_id_hex()},
             {"tool", tool.name},
             {"code", base::name(error.code)},
             {"message", logged_message(error)},
             {"detail", error.detail}});
}

}  // namespace

McpServer::McpServer(McpTools tools, std::string version, GatewayMetrics& metrics)
    : tools_(std::move(tools)), version_(std::move(version)), metrics_(metrics) {}

std::vector<McpTool> McpServer::tools() const {
  std::vector<McpTool> all = tools_.own;
  if (!tools_.registered) return all;
  for (McpTool& tool : tools_.registered()) all.push_back(std::move(tool));
  return all;
}

std::optional<McpTool> McpServer::find_tool(std::string_view name) const {
  const auto own = std::ranges::find(tools_.own, name, &McpTool::name);
  if (own != tools_.own.end()) return *own;
  if (!tools_.find_registered) return {};
  return tools_.find_registered(name);
}

bool McpServer::knows(std::string_view version) {
  return std::ranges::find(kVersions, version) != kVersions.end();
}

bool McpServer::takes_batches(std::string_view version) { return version == kBatchVersion; }

std::string McpServer::negotiated(const json::object& parameters) {
  const json::value* asked = parameters.if_contains("protocolVersion");
  if (asked == nullptr || !asked->is_string() || !knows(asked->get_string()))
    return std::string(kLatestVersion);
  return std::string(asked->get_string());
}

Task<std::optional<std::string>> McpServer::answer(RpcRequest request, McpExchange exchange) {
  OPALINE_ASSERT(request.id.has_value());
  const json::value id = *request.id;
  std::optional<Outcome> outcome;
  if (request.method == "initialize") {
    outcome = initialize(request.parameters);
  } else if (request.method == "ping") {
    outcome = std::string("{}");
  } else if (request.method == "tools/list") {
    outcome = list(request.parameters);
  } else if (request.method == "tools/call") {
    outcome = co_await call(std::move(request), std::move(exchange));
  } else {
    outcome =
        RpcError{.code = RpcError::kMethodNotFound,
                 .message = "there is no method " + contract::quoted(json::value(request.method))};
  }
  if (!outcome) co_return std::nullopt;
  if (const auto* error = std::get_if<RpcError>(&*outcome))
    co_return contract::write_rpc_error(id, *error);
  co_return contract::write_rpc_result(id, std::get<std::string>(*outcome));
}

void McpServer::note(const RpcRequest& notification, const std::string& session,
                     const std::string& principal) {
  if (notification.method != "notifications/cancelled") return;
  const json::value* id = notification.parameters.if_contains("requestId");
  if (id == nullptr || session.empty()) return;
  sessions_.cancel({.session = session, .principal = principal}, json::serialize(*id));
}

McpServer::Outcome McpServer::initialize(const json::object& parameters) const {
  const json::value* asked = parameters.if_contains("protocolVersion");
  if (asked == nullptr || !asked->is_string())
    return invalid("'protocolVersion' must be a text, such as \"2025-06-18\"");
  JsonWriter body;
  body.begin_object().field("protocolVersion", negotiated(parameters));
  body.key("capabilities").begin_object().key("tools").begin_object();
  body.field("listChanged", false).end_object().end_object();
  body.key("serverInfo").begin_object().field("name", "opaline").field("title", "Opaline");
  body.field("version", version_).end_object();
  body.field("instructions",
             "Tools over this server's own documents. Quote the sources that an answer names.");
  body.end_object();
  return std::move(body).take();
}

McpServer::Outcome McpServer::list(const json::object& parameters) const {
  const std::vector<McpTool> tools = this->tools();
  std::size_t from = 0;
  if (const json::value* cursor = parameters.if_contains("cursor"); cursor && !cursor->is_null()) {
    const std::string_view text =
        cursor->is_string() ? std::string_view(cursor->get_string()) : std::string_view();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), from);
    if (error != std::errc() || end != text.data() + text.size() || from == 0 ||
        from >= tools.size())
      return invalid("'cursor' must be one that a list before gave, got " +
                     contract::quoted(*cursor));
  }
  const std::size_t to = std::min(tools.size(), from + limits::kMcpPage);
  JsonWriter body;
  body.begin_object().key("tools").begin_array();
  for (std::size_t i = from; i < to; ++i) write_tool(body, tools[i]);
  body.end_array();
  if (to < tools.size()) body.field("nextCursor", std::to_string(to));
  body.end_object();
  return std::move(body).take();
}

Task<std::optional<McpServer::Outcome>> McpServer::call(RpcRequest request, McpExchange exchange) {
  const json::value* name = request.parameters.if_contains("name");
  if (name == nullptr || !name->is_string()) co_return invalid("'name' must be the name of a tool");
  // First: what is looked up, also in vain, is work.
  if (auto charged = exchange.charge(); !charged) {
    metrics_.error(charged.error().code);
    co_return text_result(charged.error().message, "", true);
  }
  const auto tool = find_tool(name->get_string());
  if (!tool) {
    co_return invalid("there is no tool " + contract::quoted(*name) +
                      "; tools/list says which there are");
  }
  McpToolCall asked;
  if (json::value* given = request.parameters.if_contains("arguments");
      given && !given->is_null()) {
    if (!given->is_object())
      co_return invalid("'arguments' must be an object, got " + contract::quoted(*given));
    asked.arguments = std::move(given->get_object());
  }
  const auto token = progress_token(request.parameters);
  if (token && exchange.notify) asked.progress = progress_of(*token, std::move(exchange.notify));

  // A cancellation of its own: one call of several may be called off.
  const base::Context outer = exchange.context;
  asked.call.context = std::move(exchange.context);
  asked.call.context.cancellation = base::Cancellation::create();
  const auto cancellation = asked.call.context.cancellation;
  const auto follows = outer.cancellation->on_request([cancellation] { cancellation->request(); });
  std::unique_ptr<McpSessions::Running> running;
  if (!exchange.session.empty()) {
    auto executor = co_await boost::asio::this_coro::executor;
    auto entered = sessions_.enter({.session = exchange.session, .principal = outer.principal},
                                   json::serialize(*request.id), std::move(executor), cancellation);
    if (!entered) co_return RpcError{.code = kServerError, .message = entered.error().message};
    running = *std::move(entered);
  }

  const Result<McpToolReply> reply = co_await run(&*tool, std::move(asked));
  if (reply) co_return text_result(reply->text, reply->json, false);
  if (cancellation->requested() && !outer.cancelled() && !outer.expired()) co_return std::nullopt;
  co_return text_result(reply.error().message, "", true);
}

Task<Result<McpToolReply>> McpServer::run(const McpTool* tool, McpToolCall asked) {
  if (tool->cost == Route::Cost::query) {
    // Shared with the flow's observer.
    asked.call.query = std::make_shared<QueryRecord>(
        metrics_, "/mcp#" + (tool->counted_as.empty() ? tool->name : tool->counted_as),
        asked.call.context);
  }
  const base::Context context = asked.call.context;
  const auto query = asked.call.query;
  Result<McpToolReply> reply =
      base::fail(base::ErrorCode::internal, "something went wrong on our side");
  try {
    reply = co_await tool->answer(std::move(asked));
  } catch (...) {
    base::log_exception("tool_threw", std::current_exception());
  }
  if (reply) {
    if (query) query->succeeded(200);
    co_return reply;
  }
  // The deadline stops a call by cancelling it; the client should hear why.
  base::Error error = std::move(reply).error();
  if (error.code == base::ErrorCode::cancelled && context.expired()) {
    error.code = base::ErrorCode::deadline_exceeded;
    error.message += " The time for this request is over.";
  }
  metrics_.error(error.code);
  if (query) {
    query->failed(error, status_of(error));
  } else {
    log_failure(*tool, context, error);
  }
  co_return base::fail(std::move(error));
}

}  // namespace opaline::gateway
