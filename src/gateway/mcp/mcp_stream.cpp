#include "gateway/mcp/mcp_stream.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "base/log.hpp"

namespace opaline::gateway {
namespace {

using contract::RpcError;
using contract::RpcFault;
using contract::RpcRequest;

constexpr std::string_view kMessage = "message";

base::Task<> answer_into(std::shared_ptr<McpServer> server, RpcRequest request,
                         McpExchange exchange, std::shared_ptr<McpOutbox> outbox) {
  const auto response = co_await server->answer(std::move(request), std::move(exchange));
  if (response) outbox->put(kMessage, *response);
}

}  // namespace

void spawn_mcp_answer(boost::asio::any_io_executor executor, std::shared_ptr<McpServer> server,
                      RpcRequest request, McpExchange exchange, std::shared_ptr<McpOutbox> outbox,
                      std::function<void()> ended) {
  // Not in a TaskGroup: nobody waits for its end but the client, whose leaving cancels it. What it
  // runs in stays until it has noticed.
  auto lease = exchange.context.lease;
  auto task = answer_into(std::move(server), std::move(request), std::move(exchange), outbox);
  boost::asio::co_spawn(std::move(executor), std::move(task),
                        [outbox, ended = std::move(ended),
                         lease = std::move(lease)](const std::exception_ptr& thrown) {
                          if (thrown) base::log_exception("mcp_answer_threw", thrown);
                          if (ended) ended();
                        });
}

McpStream::McpStream(std::shared_ptr<McpServer> server, boost::asio::any_io_executor executor,
                     base::Context context)
    : server_(std::move(server)),
      executor_(std::move(executor)),
      context_(std::move(context)),
      outbox_(std::make_shared<McpOutbox>(executor_)),
      leaving_(context_.cancellation->on_request([outbox = outbox_] { outbox->end(); })),
      version_(McpServer::kLatestVersion) {}

base::Result<std::shared_ptr<McpStream>> McpStream::open(std::shared_ptr<McpServer> server,
                                                         boost::asio::any_io_executor executor,
                                                         base::Context context) {
  std::shared_ptr<McpStream> made(
      new McpStream(std::move(server), std::move(executor), std::move(context)));
  OPALINE_TRY(made->session_, made->server_->sessions().open({.principal = made->context_.principal,
                                                              .version = made->version_,
                                                              .stream = made}));
  made->outbox_->put("endpoint", "/messages/?session_id=" + made->session_);
  return made;
}

McpStream::~McpStream() {
  if (session_.empty()) return;
  server_->sessions().close({.session = session_, .principal = context_.principal});
}

void McpStream::deliver(std::shared_ptr<McpStream> stream, contract::RpcBody body,
                        base::Context context, std::function<base::Result<void>()> charge) {
  auto executor = stream->executor_;
  // The last reference may go with this function: it must go on the stream's own thread.
  boost::asio::post(executor, [stream = std::move(stream), body = std::move(body),
                               context = std::move(context), charge = std::move(charge)]() mutable {
    context.cancellation = stream->context_.cancellation;
    const McpExchange exchange{.context = std::move(context),
                               .session = stream->session_,
                               .charge = std::move(charge),
                               .notify = [outbox = stream->outbox_](const std::string& json) {
                                 outbox->put(kMessage, json);
                               }};
    if (body.batch && !McpServer::takes_batches(stream->version_)) {
      stream->outbox_->put(
          kMessage, contract::write_rpc_error(
                        nullptr, {.code = RpcError::kInvalidRequest,
                                  .message = "this version of the protocol has no batches"}));
      return;
    }
    for (contract::RpcMessage& message : body.messages) stream->take(std::move(message), exchange);
  });
}

void McpStream::take(contract::RpcMessage message, const McpExchange& exchange) {
  if (const auto* fault = std::get_if<RpcFault>(&message)) {
    outbox_->put(kMessage, contract::write_rpc_error(fault->id, fault->error));
    return;
  }
  auto* request = std::get_if<RpcRequest>(&message);
  if (request == nullptr) return;  // A response: we asked nothing.
  if (!request->id) {
    server_->note(*request, session_, context_.principal);
    return;
  }
  if (request->method == "initialize") version_ = McpServer::negotiated(request->parameters);
  spawn_mcp_answer(executor_, server_, std::move(*request), exchange, outbox_, nullptr);
}

}  // namespace opaline::gateway
