#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "contract/json_rpc.hpp"
#include "gateway/gateway_metrics.hpp"
#include "gateway/mcp/mcp_sessions.hpp"
#include "gateway/mcp/mcp_tool.hpp"

namespace opaline::gateway {

/// How a message came, and what may be sent while it is answered.
struct McpExchange {
  base::Context context;
  std::string session;  ///< Empty: none, so that a call cannot be called off.
  std::function<base::Result<void>()> charge;  ///< As of Call.
  /// Sends a notification to the client before the answer; empty: there is no way to.
  std::function<void(std::string json)> notify;
};

/// Answers the messages of the Model Context Protocol
/// (https://modelcontextprotocol.io/specification, 2024-11-05 … 2025-06-18): what they mean, not
/// how they travel. Any thread; must outlive its calls.
///
///   initialize, ping, tools/list, tools/call; notifications/initialized, notifications/cancelled
class McpServer {
 public:
  /// @param version of this server, for people. `metrics` must outlive this.
  McpServer(McpTools tools, std::string version, GatewayMetrics& metrics);

  static constexpr std::string_view kLatestVersion = "2025-06-18";
  /// Whether a client may speak `version`.
  [[nodiscard]] static bool knows(std::string_view version);
  /// Whether several messages may come in one body.
  [[nodiscard]] static bool takes_batches(std::string_view version);
  /// The version that an `initialize` with these parameters leads to.
  [[nodiscard]] static std::string negotiated(const boost::json::object& parameters);

  /// The response as JSON. Nothing: the client called it off.
  /// REQUIRES: request.id.
  base::Task<std::optional<std::string>> answer(contract::RpcRequest request, McpExchange exchange);
  /// Takes note of a notification; unknown ones are none of our business.
  void note(const contract::RpcRequest& notification, const std::string& session,
            const std::string& principal);

  [[nodiscard]] McpSessions& sessions() { return sessions_; }

 private:
  using Outcome = std::variant<std::string, contract::RpcError>;  ///< JSON of the result.

  [[nodiscard]] Outcome initialize(const boost::json::object& parameters) const;
  [[nodiscard]] Outcome list(const boost::json::object& parameters) const;
  base::Task<std::optional<Outcome>> call(contract::RpcRequest request, McpExchange exchange);
  base::Task<base::Result<McpToolReply>> run(const McpTool* tool, McpToolCall asked);

  /// All there are now.
  [[nodiscard]] std::vector<McpTool> tools() const;
  [[nodiscard]] std::optional<McpTool> find_tool(std::string_view name) const;

  McpTools tools_;
  std::string version_;
  GatewayMetrics& metrics_;
  McpSessions sessions_;
};

}  // namespace opaline::gateway
