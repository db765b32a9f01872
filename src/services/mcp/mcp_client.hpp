#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "contract/json_rpc.hpp"
#include "http/client.hpp"

namespace opaline::services {

/// What a server agreed on with us.
struct McpSession {
  enum class Transport {
    streamable,  ///< Streamable HTTP, 2025-03-26 and later.
    older,       ///< HTTP with SSE, 2024-11-05: the session lives no longer than one request.
  };

  std::string id;  ///< Empty: the server keeps none.
  std::string version;
  Transport transport = Transport::streamable;
  std::string messages_path;  ///< Of the older transport, while its stream is open.

  friend bool operator==(const McpSession&, const McpSession&) = default;
};

/// Where an MCP server is.
struct McpServerPlace {
  http::Endpoint endpoint;
  std::string path = "/mcp";
  std::string api_key;  ///< The key itself; empty: no Authorization header.
  std::string label;    ///< How errors name it.
};

/// Speaks to an MCP server: streamable HTTP (protocol versions 2025-06-18 and 2025-03-26), and to
/// those that refuse it the older HTTP with SSE (also 2024-11-05), as the specification asks for.
/// Replies may be JSON or events, which are read as they come; a server's own requests are
/// declined, but its pings answered. Holds no session: callers do. Any thread; the HTTP client must
/// outlive it.
class McpClient {
 public:
  McpClient(McpServerPlace place, http::Client& http);

  /// Begins a session; of the older transport it is only tried out, each request() begins its own.
  /// @error failed_precondition: the server speaks another version, or refuses;
  /// unavailable; internal: it answered with something else; deadline_exceeded; cancelled.
  base::Task<base::Result<McpSession>> initialize(base::Context context);
  /// The result of a request. Nothing: the server knows the session no more, and did nothing. When
  /// the deadline or the cancellation ends it, the server is told with notifications/cancelled.
  /// @param method and @param parameters of the request. @error as above; invalid_argument.
  base::Task<base::Result<std::optional<boost::json::object>>> request(
      std::string method, boost::json::object parameters, McpSession session,
      base::Context context);

 private:
  struct Answer {
    boost::json::object result;
    std::string session_id;
    bool lost = false;
  };

  class Listener;

  base::Task<base::Result<Answer>> exchange(contract::RpcRequest request, McpSession session,
                                            base::Context context);
  [[nodiscard]] base::Result<McpSession> agreed(const boost::json::object& result,
                                                std::string session_id) const;

  // Of the older transport. Listeners must outlive the tasks.
  base::Task<base::Result<Answer>> exchange_older(contract::RpcRequest request,
                                                  base::Context context);
  /// Opens the stream. Null: the server has none either.
  base::Task<base::Result<std::unique_ptr<Listener>>> listen(base::Context context);
  base::Task<base::Result<McpSession>> begin_older(Listener* listener, base::Context context);
  base::Task<base::Result<boost::json::object>> ask_older(Listener* listener,
                                                          contract::RpcRequest request,
                                                          McpSession session,
                                                          base::Context context);
  base::Task<base::Result<contract::RpcResponse>> response(
      std::unique_ptr<http::ClientStream> stream, boost::json::value id, McpSession session,
      base::Context context);
  base::Task<base::Result<std::optional<contract::RpcResponse>>> take(std::string message,
                                                                      boost::json::value id,
                                                                      McpSession session,
                                                                      base::Context context);
  /// Sends a message that gets no answer.
  base::Task<base::Result<void>> tell(std::string message, McpSession session,
                                      base::Context context);
  base::Task<> call_off(boost::json::value id, McpSession session, base::Context context);
  [[nodiscard]] http::ClientRequest post(std::string body, const McpSession& session,
                                         const base::Context& context) const;
  [[nodiscard]] base::Error unreadable(std::string why) const;

  McpServerPlace place_;
  http::Client& http_;
};

}  // namespace opaline::services
