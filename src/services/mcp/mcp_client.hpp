#pragma once

#include <boost/json/object.hpp>
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
  std::string id;  ///< Empty: the server keeps none.
  std::string version;

  friend bool operator==(const McpSession&, const McpSession&) = default;
};

/// Where an MCP server is.
struct McpServerPlace {
  http::Endpoint endpoint;
  std::string path = "/mcp";
  std::string api_key;  ///< The key itself; empty: no Authorization header.
  std::string label;    ///< How errors name it.
};

/// Speaks streamable HTTP (protocol versions 2025-06-18 and 2025-03-26) to an MCP server. Replies
/// may be JSON or events, which are read as they come; a server's own requests are declined, but
/// its pings answered. Holds no session: callers do. Any thread; the HTTP client must outlive it.
class McpClient {
 public:
  McpClient(McpServerPlace place, http::Client& http);

  /// Begins a session. @error failed_precondition: the server speaks another version, or refuses;
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

  base::Task<base::Result<Answer>> exchange(contract::RpcRequest request, McpSession session,
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
