#include "services/mcp/mcp_client.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <utility>

#include "base/limits.hpp"
#include "base/random.hpp"
#include "contract/event_stream.hpp"
#include "http/deadline_header.hpp"
#include "services/mcp/mcp_inbox.hpp"
#include "services/mcp/tool_result.hpp"

namespace opaline::services {
namespace json = boost::json;
namespace {

using base::ErrorCode;
using base::Result;
using base::Task;
using contract::RpcError;
using contract::RpcRequest;
using contract::RpcResponse;

constexpr std::string_view kVersion = "2025-06-18";
constexpr std::array<std::string_view, 3> kVersions = {kVersion, "2025-03-26", "2024-11-05"};

constexpr auto kOpeningTime = std::chrono::seconds(10);  // To find the older transport out.

bool good(unsigned status) { return status >= 200 && status < 300; }

/// What a header may carry.
bool is_session_id(std::string_view text) {
  return text.size() <= limits::kMcpSessionIdBytes &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

/// What a server that speaks only the older transport says to a POST, see the specification's
/// "Backwards Compatibility".
bool may_be_older(unsigned status) { return status == 400 || status == 404 || status == 405; }

RpcRequest initialization() {
  const json::object client{{"name", "opaline"}, {"title", "Opaline"}, {"version", "0.1.0"}};
  return {
      .id = json::value(base::random_hex(8)),
      .method = "initialize",
      .parameters = {
          {"protocolVersion", kVersion}, {"capabilities", json::object()}, {"clientInfo", client}}};
}

/// The body, at most `most` bytes of it.
Task<Result<std::string>> whole(std::shared_ptr<http::ClientStream> stream, std::size_t most) {
  std::string body;
  for (;;) {
    OPALINE_CO_TRY(auto bytes, co_await stream->next());
    if (!bytes) co_return body;
    body += *bytes;
    if (body.size() > most)
      co_return base::fail(ErrorCode::resource_exhausted, "the answer is too large");
  }
}

}  // namespace

McpClient::McpClient(McpServerPlace place, http::Client& http)
    : place_(std::move(place)), http_(http) {
  // One path, so that places which the server names are beside it.
  place_.path.insert(0, std::exchange(place_.endpoint.base_path, {}));
}

/// One stream of the older transport, and what comes on it.
class McpClient::Listener {
 public:
  Listener(std::unique_ptr<http::ClientStream> stream, McpInbox inbox, std::string label)
      : stream_(std::move(stream)), inbox_(std::move(inbox)), label_(std::move(label)) {}

  /// Where messages go.
  Task<Result<std::string>> messages_path() {
    while (inbox_.messages_path().empty()) OPALINE_CO_TRY_DO(co_await read());
    co_return inbox_.messages_path();
  }
  /// The server's next message.
  Task<Result<std::string>> message() {
    for (;;) {
      if (auto message = inbox_.next()) co_return *std::move(message);
      OPALINE_CO_TRY_DO(co_await read());
    }
  }

 private:
  Task<Result<void>> read() {
    OPALINE_CO_TRY(const auto bytes, co_await stream_->next());
    if (!bytes)
      co_return base::fail(ErrorCode::unavailable, label_ + " broke off without an answer");
    auto fed = inbox_.feed(*bytes);
    if (!fed) fed.error().message = label_ + ": " + fed.error().message;
    co_return fed;
  }

  std::unique_ptr<http::ClientStream> stream_;
  McpInbox inbox_;
  std::string label_;
};

Task<Result<McpSession>> McpClient::initialize(base::Context context) {
  auto answer = co_await exchange(initialization(), {}, context);
  if (answer) {
    OPALINE_CO_TRY(McpSession session, agreed(answer->result, std::move(answer->session_id)));
    const RpcRequest done{.id = {}, .method = "notifications/initialized", .parameters = {}};
    OPALINE_CO_TRY_DO(
        co_await tell(contract::write_rpc_request(done), session, std::move(context)));
    co_return session;
  }
  if (!may_be_older(answer.error().upstream_status))
    co_return base::fail(std::move(answer).error());
  // A stream need not be that transport's: what it is tells its first event, if one comes at all.
  const base::Context opening = context.within(kOpeningTime);
  const auto late = [&context](const base::Error& error) {
    return error.code == ErrorCode::deadline_exceeded && !context.expired();
  };
  auto listener = co_await listen(opening);
  if (!listener && !late(listener.error())) co_return base::fail(std::move(listener).error());
  if (!listener || !*listener) co_return base::fail(std::move(answer).error());
  auto path = co_await (*listener)->messages_path();
  if (!path && (late(path.error()) || path.error().code == ErrorCode::unavailable))
    co_return base::fail(std::move(answer).error());
  if (!path) co_return base::fail(std::move(path).error());
  OPALINE_CO_TRY(McpSession session, co_await begin_older(listener->get(), opening));
  session.messages_path.clear();
  co_return session;
}

Result<McpSession> McpClient::agreed(const json::object& result, std::string session_id) const {
  const json::value* version = result.if_contains("protocolVersion");
  if (version == nullptr || !version->is_string())
    return base::fail(unreadable("initialize: there is no protocolVersion"));
  McpSession session{.id = std::move(session_id), .version = std::string(version->get_string())};
  if (std::ranges::find(kVersions, session.version) == kVersions.end()) {
    return base::fail(
        ErrorCode::failed_precondition,
        place_.label + " speaks another version of the protocol than " + std::string(kVersion));
  }
  if (!is_session_id(session.id))
    return base::fail(unreadable("initialize: the session id is malformed"));
  return session;
}

Task<Result<std::optional<json::object>>> McpClient::request(std::string method,
                                                             json::object parameters,
                                                             McpSession session,
                                                             base::Context context) {
  const json::value id(base::random_hex(8));
  RpcRequest request{.id = id, .method = std::move(method), .parameters = std::move(parameters)};
  // The end of an older stream calls off what was asked.
  const bool older = session.transport == McpSession::Transport::older;
  auto answer = older ? co_await exchange_older(std::move(request), context)
                      : co_await exchange(std::move(request), session, context);
  if (!answer) {
    const ErrorCode code = answer.error().code;
    if (!older && (code == ErrorCode::cancelled || code == ErrorCode::deadline_exceeded))
      co_await call_off(id, std::move(session), std::move(context));
    co_return base::fail(std::move(answer).error());
  }
  if (answer->lost) co_return std::optional<json::object>();
  co_return std::optional(std::move(answer->result));
}

Task<> McpClient::call_off(json::value id, McpSession session, base::Context context) {
  // The request's own time is over; this has a little of its own.
  context.cancellation = base::Cancellation::create();
  context.deadline = base::Context::Clock::now() + limits::kMcpFarewellTime;
  const RpcRequest note{.id = {},
                        .method = "notifications/cancelled",
                        .parameters = {{"requestId", id}, {"reason", "the caller left"}}};
  (void)co_await tell(contract::write_rpc_request(note), std::move(session), std::move(context));
}

http::ClientRequest McpClient::post(std::string body, const McpSession& session,
                                    const base::Context& context) const {
  http::ClientRequest request;
  request.path = session.messages_path.empty() ? place_.path : session.messages_path;
  request.body = std::move(body);
  request.headers.add("Content-Type", "application/json");
  request.headers.add("Accept", "application/json, text/event-stream");
  if (!place_.api_key.empty()) request.headers.add("Authorization", "Bearer " + place_.api_key);
  if (!session.id.empty()) request.headers.add("Mcp-Session-Id", session.id);
  if (!session.version.empty()) request.headers.add("MCP-Protocol-Version", session.version);
  http::tell_time_left(request.headers, context);
  return request;
}

base::Error McpClient::unreadable(std::string why) const {
  return {.code = ErrorCode::internal,
          .message = place_.label + " answered with something that is no MCP",
          .detail = std::move(why)};
}

Task<Result<void>> McpClient::tell(std::string message, McpSession session, base::Context context) {
  http::ClientRequest asked = post(std::move(message), session, context);
  OPALINE_CO_TRY(http::ClientResponse reply,
                 co_await http_.send(place_.endpoint, std::move(asked), std::move(context)));
  if (!good(reply.status))
    co_return base::fail(status_error(reply.status, reply.body, place_.label));
  co_return Result<void>();
}

Task<Result<McpClient::Answer>> McpClient::exchange(RpcRequest request, McpSession session,
                                                    base::Context context) {
  constexpr std::size_t kErrorBytes = 4096;
  http::ClientRequest asked = post(contract::write_rpc_request(request), session, context);
  OPALINE_CO_TRY(std::unique_ptr<http::ClientStream> stream,
                 co_await http_.open(place_.endpoint, std::move(asked), context));
  const unsigned status = stream->status();
  if (status == 404 && !session.id.empty()) co_return Answer{.result = {}, .lost = true};
  if (!good(status)) {
    const auto body = co_await whole(std::move(stream), kErrorBytes);
    co_return base::fail(status_error(status, body.value_or(""), place_.label));
  }
  Answer answer{.result = {}, .session_id = std::string(stream->headers().get("Mcp-Session-Id"))};
  json::value id = *request.id;
  OPALINE_CO_TRY(RpcResponse told, co_await response(std::move(stream), std::move(id),
                                                     std::move(session), std::move(context)));
  if (const auto* error = std::get_if<RpcError>(&told.outcome))
    co_return base::fail(tool_error(*error, place_.label));
  answer.result = std::get<json::object>(std::move(told.outcome));
  co_return answer;
}

Task<Result<RpcResponse>> McpClient::response(std::unique_ptr<http::ClientStream> stream,
                                              json::value id, McpSession session,
                                              base::Context context) {
  if (!stream->headers().get("Content-Type").starts_with("text/event-stream")) {
    OPALINE_CO_TRY(std::string body, co_await whole(std::move(stream), limits::kReplyBytes));
    OPALINE_CO_TRY(auto told, co_await take(std::move(body), id, session, context));
    if (told) co_return *std::move(told);
    co_return base::fail(unreadable("there is no response to the request"));
  }
  contract::EventParser parser;
  std::size_t bytes_read = 0;
  for (;;) {
    OPALINE_CO_TRY(auto bytes, co_await stream->next());
    if (!bytes) {
      co_return base::fail(ErrorCode::unavailable, place_.label + " broke off without an answer");
    }
    bytes_read += bytes->size();
    if (bytes_read > limits::kReplyBytes)
      co_return base::fail(ErrorCode::resource_exhausted, "the answer is too large");
    OPALINE_CO_TRY_DO(parser.feed(*bytes));
    while (auto event = parser.next()) {
      if (event->data.empty() || (!event->type.empty() && event->type != "message")) continue;
      OPALINE_CO_TRY(auto told, co_await take(std::move(event->data), id, session, context));
      if (told) co_return *std::move(told);
    }
  }
}

Task<Result<std::optional<RpcResponse>>> McpClient::take(std::string message, json::value id,
                                                         McpSession session,
                                                         base::Context context) {
  auto body = contract::read_rpc(message);
  if (!body) co_return base::fail(unreadable(body.error().message));
  for (contract::RpcMessage& one : body->messages) {
    if (const auto* fault = std::get_if<contract::RpcFault>(&one))
      co_return base::fail(unreadable(fault->error.message));
    if (auto* told = std::get_if<RpcResponse>(&one)) {
      // A null id is an error about a request that could not be read: it was ours.
      if (told->id == id || told->id.is_null()) co_return std::optional(std::move(*told));
      continue;
    }
    const auto& asked = std::get<RpcRequest>(one);
    if (!asked.id) continue;
    std::string reply =
        asked.method == "ping"
            ? contract::write_rpc_result(*asked.id, "{}")
            : contract::write_rpc_error(*asked.id, {.code = RpcError::kMethodNotFound,
                                                    .message = "this client only calls tools"});
    OPALINE_CO_TRY_DO(co_await tell(std::move(reply), session, context));
  }
  co_return std::optional<RpcResponse>();
}

// --- The older transport

Task<Result<std::unique_ptr<McpClient::Listener>>> McpClient::listen(base::Context context) {
  http::ClientRequest asked{.method = "GET", .path = place_.path};
  asked.headers.add("Accept", "text/event-stream");
  if (!place_.api_key.empty()) asked.headers.add("Authorization", "Bearer " + place_.api_key);
  OPALINE_CO_TRY(std::unique_ptr<http::ClientStream> stream,
                 co_await http_.open(place_.endpoint, std::move(asked), std::move(context)));
  const unsigned status = stream->status();
  if (status == 401 || status == 403 || status == 429 || status >= 500)
    co_return base::fail(status_error(status, "", place_.label));
  if (!good(status) || !stream->headers().get("Content-Type").starts_with("text/event-stream"))
    co_return nullptr;
  McpInbox inbox(place_.endpoint, place_.path);
  co_return std::make_unique<Listener>(std::move(stream), std::move(inbox), place_.label);
}

Task<Result<McpSession>> McpClient::begin_older(Listener* listener, base::Context context) {
  OPALINE_CO_TRY(std::string path, co_await listener->messages_path());
  McpSession opening{.transport = McpSession::Transport::older, .messages_path = std::move(path)};
  OPALINE_CO_TRY(const json::object result,
                 co_await ask_older(listener, initialization(), opening, context));
  OPALINE_CO_TRY(McpSession session, agreed(result, ""));
  session.transport = opening.transport;
  session.messages_path = std::move(opening.messages_path);
  const RpcRequest done{.id = {}, .method = "notifications/initialized", .parameters = {}};
  OPALINE_CO_TRY_DO(co_await tell(contract::write_rpc_request(done), session, std::move(context)));
  co_return session;
}

Task<Result<json::object>> McpClient::ask_older(Listener* listener, RpcRequest request,
                                                McpSession session, base::Context context) {
  const json::value id = *request.id;
  OPALINE_CO_TRY_DO(co_await tell(contract::write_rpc_request(request), session, context));
  for (;;) {
    OPALINE_CO_TRY(std::string message, co_await listener->message());
    OPALINE_CO_TRY(auto told, co_await take(std::move(message), id, session, context));
    if (!told) continue;
    if (const auto* error = std::get_if<RpcError>(&told->outcome))
      co_return base::fail(tool_error(*error, place_.label));
    co_return std::get<json::object>(std::move(told->outcome));
  }
}

Task<Result<McpClient::Answer>> McpClient::exchange_older(RpcRequest request,
                                                          base::Context context) {
  OPALINE_CO_TRY(const auto listener, co_await listen(context));
  if (!listener) co_return Answer{.result = {}, .lost = true};
  OPALINE_CO_TRY(McpSession session, co_await begin_older(listener.get(), context));
  OPALINE_CO_TRY(json::object result, co_await ask_older(listener.get(), std::move(request),
                                                         std::move(session), std::move(context)));
  co_return Answer{.result = std::move(result)};
}

}  // namespace opaline::services
