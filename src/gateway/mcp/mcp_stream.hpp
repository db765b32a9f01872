#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancellation.hpp"
#include "base/context.hpp"
#include "base/result.hpp"
#include "contract/json_rpc.hpp"
#include "gateway/mcp/mcp_outbox.hpp"
#include "gateway/mcp/mcp_server.hpp"

namespace opaline::gateway {

/// A client of the older transport (2024-11-05): it holds a GET open, posts its messages beside it,
/// and finds the answers in the stream. Lives on the GET's event loop, with all its calls; only
/// deliver() is for any thread. Held by shared_ptr: its owners are the reply's body and messages on
/// their way to it.
class McpStream {
 public:
  /// Opens a session of the context's principal. @error resource_exhausted: see McpSessions::open.
  [[nodiscard]] static base::Result<std::shared_ptr<McpStream>> open(
      std::shared_ptr<McpServer> server, boost::asio::any_io_executor executor,
      base::Context context);
  ~McpStream();
  McpStream(const McpStream&) = delete;
  McpStream& operator=(const McpStream&) = delete;

  /// Takes what was posted to `stream`, any thread. Answers come by themselves.
  /// @param context of the POST: its trace and deadline hold, not its cancellation.
  static void deliver(std::shared_ptr<McpStream> stream, contract::RpcBody body,
                      base::Context context, std::function<base::Result<void>()> charge);

  [[nodiscard]] const std::string& session() const { return session_; }
  [[nodiscard]] const std::shared_ptr<McpOutbox>& outbox() const { return outbox_; }

 private:
  McpStream(std::shared_ptr<McpServer> server, boost::asio::any_io_executor executor,
            base::Context context);
  void take(contract::RpcMessage message, const McpExchange& exchange);

  std::shared_ptr<McpServer> server_;  // Shared with the routes.
  boost::asio::any_io_executor executor_;
  base::Context context_;
  std::shared_ptr<McpOutbox> outbox_;  // Shared with the body.
  base::Cancellation::Registration leaving_;
  std::string session_;
  std::string version_;
};

/// Starts to answer a request; the response goes into `outbox`, then `ended` is called (may be
/// empty). The task keeps alive all that it uses.
void spawn_mcp_answer(boost::asio::any_io_executor executor, std::shared_ptr<McpServer> server,
                      contract::RpcRequest request, McpExchange exchange,
                      std::shared_ptr<McpOutbox> outbox, std::function<void()> ended);

}  // namespace opaline::gateway
