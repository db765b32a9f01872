#include "gateway/mcp/mcp_routes.hpp"

#include <boost/asio/this_coro.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "contract/json_rpc.hpp"
#include "gateway/error_reply.hpp"
#include "gateway/mcp/mcp_outbox.hpp"
#include "gateway/mcp/mcp_server.hpp"
#include "gateway/mcp/mcp_stream.hpp"

namespace opaline::gateway {
namespace json = boost::json;
namespace {

using base::ErrorCode;
using base::Result;
using base::Task;
using contract::RpcBody;
using contract::RpcError;
using contract::RpcFault;
using contract::RpcMessage;
using contract::RpcRequest;
using http::Response;

constexpr std::string_view kSessionHeader = "Mcp-Session-Id";
constexpr std::string_view kVersionHeader = "MCP-Protocol-Version";
constexpr std::string_view kUnsaidVersion = "2025-03-26";  // Of a client that does not say.
constexpr std::int64_t kNoSession = -32001;                // As other servers call it.
constexpr std::int64_t kCancelled = -32800;                // As the Language Server Protocol does.

/// A reply of the protocol's own shape, with the status that `code` has elsewhere.
Response refused(ErrorCode code, const json::value& id, const RpcError& error) {
  return Response::json(status_of(code), contract::write_rpc_error(id, error));
}

Response accepted() {
  Response reply;
  reply.status = 202;
  return reply;
}

const RpcRequest* initialization(const RpcMessage& message) {
  const auto* request = std::get_if<RpcRequest>(&message);
  return request != nullptr && request->id && request->method == "initialize" ? request : nullptr;
}

/// One POST to /mcp.
class McpPost {
 public:
  McpPost(std::shared_ptr<McpServer> server, McpSettings settings, Call call)
      : server_(std::move(server)), settings_(std::move(settings)), call_(std::move(call)) {}

  Task<Result<Response>> answer() {
    auto read = contract::read_rpc(call_.request.body);
    if (!read) co_return refused(ErrorCode::invalid_argument, nullptr, read.error());
    const bool begins = initialization(read->messages.front()) != nullptr;
    if (begins) {
      if (read->batch) co_return bad("'initialize' must not be in a batch");
      co_return co_await begin(std::get<RpcRequest>(std::move(read->messages.front())));
    }
    if (auto wrong = admit()) co_return std::move(*wrong);
    if (read->batch && !McpServer::takes_batches(version_))
      co_return bad("version " + version_ + " of the protocol has no batches");
    if (read->batch) co_return co_await answer_batch(std::move(read->messages));
    co_return co_await answer_one(std::move(read->messages.front()));
  }

 private:
  static Response bad(std::string why) {
    return refused(ErrorCode::invalid_argument, nullptr,
                   {.code = RpcError::kInvalidRequest, .message = std::move(why)});
  }

  Task<Result<Response>> begin(RpcRequest request) {
    const std::string version = McpServer::negotiated(request.parameters);
    OPALINE_CO_TRY_DO(call_.charge());
    OPALINE_CO_TRY(std::string id,
                   server_->sessions().open(
                       {.principal = call_.context.principal, .version = version, .stream = {}}));
    OPALINE_CO_TRY(Response reply, co_await answer_one(std::move(request)));
    reply.headers.set(kSessionHeader, std::move(id));
    co_return reply;
  }

  /// Finds the session and the version that the headers name. @return what to reply if they are
  /// wrong.
  std::optional<Response> admit() {
    session_ = call_.request.headers.get(kSessionHeader);
    version_ = kUnsaidVersion;
    if (!session_.empty()) {
      auto found = server_->sessions().find_version(
          {.session = session_, .principal = call_.context.principal});
      if (!found) {
        return refused(
            ErrorCode::not_found, nullptr,
            {.code = kNoSession, .message = "there is no such session; initialize again"});
      }
      version_ = *std::move(found);
    }
    const auto said = call_.request.headers.find(kVersionHeader);
    if (!said) return {};
    if (!McpServer::knows(*said)) {
      return bad("this server does not speak version " + std::string(*said) +
                 " of the protocol; it speaks 2025-06-18, 2025-03-26 and 2024-11-05");
    }
    version_ = *said;
    return {};
  }

  [[nodiscard]] bool takes_events() const {
    return call_.request.headers.get("Accept").contains("text/event-stream");
  }

  [[nodiscard]] McpExchange exchange() const {
    return {
        .context = call_.context, .session = session_, .charge = call_.charge, .notify = nullptr};
  }

  Task<Result<Response>> answer_one(RpcMessage message) {
    if (const auto* fault = std::get_if<RpcFault>(&message))
      co_return refused(ErrorCode::invalid_argument, fault->id, fault->error);
    auto* request = std::get_if<RpcRequest>(&message);
    if (request == nullptr) co_return accepted();  // A response: we asked nothing.
    if (!request->id) {
      server_->note(*request, session_, call_.context.principal);
      co_return accepted();
    }
    if (wants_progress(*request) && takes_events())
      co_return stream(std::move(*request), co_await boost::asio::this_coro::executor);
    const json::value id = *request->id;
    co_return Response::json(200, co_await response(std::move(*request), id));
  }

  Task<std::string> response(RpcRequest request, json::value id) {
    auto written = co_await server_->answer(std::move(request), exchange());
    if (written) co_return *std::move(written);
    co_return contract::write_rpc_error(
        id, {.code = kCancelled, .message = "the client called it off"});
  }

  static bool wants_progress(const RpcRequest& request) {
    const json::value* meta = request.parameters.if_contains("_meta");
    return request.method == "tools/call" && meta != nullptr && meta->is_object() &&
           meta->get_object().contains("progressToken");
  }

  Response stream(RpcRequest request, boost::asio::any_io_executor executor) {
    // Owners: the reply's body and the answer.
    auto outbox = std::make_shared<McpOutbox>(executor);
    McpExchange with = exchange();
    with.notify = [outbox](const std::string& notification) {
      outbox->put("message", notification);
    };
    spawn_mcp_answer(std::move(executor), server_, std::move(request), std::move(with), outbox,
                     [outbox] { outbox->end(); });
    return mcp_event_stream(outbox, call_.context, settings_.heartbeat, nullptr);
  }

  Task<Result<Response>> answer_batch(std::vector<RpcMessage> messages) {
    std::string body;
    for (RpcMessage& message : messages) {
      if (initialization(message) != nullptr) co_return bad("'initialize' must not be in a batch");
    }
    for (RpcMessage& message : messages) {
      std::string one;
      if (const auto* fault = std::get_if<RpcFault>(&message)) {
        one = contract::write_rpc_error(fault->id, fault->error);
      } else if (auto* request = std::get_if<RpcRequest>(&message)) {
        if (request->id) {
          const json::value id = *request->id;
          one = co_await response(std::move(*request), id);
        } else {
          server_->note(*request, session_, call_.context.principal);
        }
      }
      if (!one.empty()) body += (body.empty() ? "[" : ",") + one;
    }
    if (body.empty()) co_return accepted();
    co_return Response::json(200, body + "]");
  }

  std::shared_ptr<McpServer> server_;  // Shared with the routes.
  McpSettings settings_;
  Call call_;
  std::string session_;
  std::string version_{McpServer::kLatestVersion};
};

Task<Result<Response>> post(std::shared_ptr<McpServer> server, McpSettings settings, Call call) {
  McpPost one(std::move(server), std::move(settings), std::move(call));
  co_return co_await one.answer();
}

Task<Result<Response>> close_session(std::shared_ptr<McpServer> server, Call call) {
  const std::string session(call.request.headers.get(kSessionHeader));
  if (session.empty()) {
    co_return base::fail(ErrorCode::invalid_argument,
                         "the header Mcp-Session-Id says which session to end");
  }
  if (!server->sessions().close({.session = session, .principal = call.context.principal}))
    co_return base::fail(ErrorCode::not_found, "there is no such session");
  Response reply;
  reply.status = 204;
  co_return reply;
}

// ---- The older transport

Task<Result<Response>> listen(std::shared_ptr<McpServer> server, McpSettings settings, Call call) {
  auto executor = co_await boost::asio::this_coro::executor;
  OPALINE_CO_TRY(auto stream,
                 McpStream::open(std::move(server), std::move(executor), call.context));
  auto outbox = stream->outbox();
  co_return mcp_event_stream(std::move(outbox), std::move(call.context), settings.heartbeat,
                             std::move(stream));
}

Task<Result<Response>> take_message(std::shared_ptr<McpServer> server, Call call) {
  // Read first: whoever has the stream must hand it on, for its end belongs to its own thread.
  auto read = contract::read_rpc(call.request.body);
  if (!read) co_return refused(ErrorCode::invalid_argument, nullptr, read.error());
  const std::string session(call.request.find_query("session_id").value_or(""));
  auto stream =
      server->sessions().find_stream({.session = session, .principal = call.context.principal});
  if (!stream) co_return base::fail(ErrorCode::not_found, "there is no such session; open /sse");
  McpStream::deliver(std::move(stream), *std::move(read), std::move(call.context),
                     std::move(call.charge));
  co_return accepted();
}

constexpr std::string_view kTag = "MCP";

}  // namespace

std::vector<Route> mcp_routes(McpTools tools, McpSettings settings, GatewayMetrics& metrics) {
  // Owners: the routes below, and each answer on its way.
  const auto server = std::make_shared<McpServer>(std::move(tools), settings.version, metrics);
  std::vector<Route> routes;
  routes.push_back(
      {.method = "POST",
       .pattern = "/mcp",
       .answer = [server, settings](Call call) { return post(server, settings, std::move(call)); },
       .documentation = {
           .tag = kTag,
           .summary = "A message of the Model Context Protocol (streamable HTTP)",
           .request = "McpMessage",
           .request_example = R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})",
           .reply = "McpMessage",
           .reply_example = R"({"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"ask"}]}})"}});
  routes.push_back(
      {.method = "DELETE",
       .pattern = "/mcp",
       .answer = [server](Call call) { return close_session(server, std::move(call)); },
       .documentation = {.tag = kTag, .summary = "End the session of the header Mcp-Session-Id"}});
  routes.push_back(
      {.method = "GET",
       .pattern = "/sse",
       .answer = [server,
                  settings](Call call) { return listen(server, settings, std::move(call)); },
       .documentation = {.tag = kTag,
                         .summary = "The Model Context Protocol's older transport: the stream of "
                                    "answers",
                         .reply_example = "event: endpoint\ndata: /messages/?session_id=0f…\n\n",
                         .reply_type = "text/event-stream"},
       .cost = Route::Cost::listen});
  routes.push_back(
      {.method = "POST",
       .pattern = "/messages",
       .answer = [server](Call call) { return take_message(server, std::move(call)); },
       .documentation = {.tag = kTag,
                         .summary = "The same: a message of the client, answered in the stream",
                         .parameters = "session_id"}});
  return routes;
}

}  // namespace opaline::gateway
