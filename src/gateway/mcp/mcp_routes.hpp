#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "gateway/gateway_metrics.hpp"
#include "gateway/mcp/mcp_tool.hpp"
#include "gateway/route.hpp"

namespace opaline::gateway {

struct McpSettings {
  std::string version;                          ///< Of this server, for people.
  std::chrono::milliseconds heartbeat{10'000};  ///< Silence before a comment on a stream.
};

/// The tools for clients of the Model Context Protocol:
///   POST, DELETE /mcp               streamable HTTP: a reply is JSON, or events when the client
///                                   asked to be told of progress. No GET: we ask clients nothing
///   GET /sse, POST /messages/?session_id=…  the older transport, HTTP with SSE
/// A call takes one from the caller's rate limit, other messages nothing. `metrics` must outlive
/// the routes.
[[nodiscard]] std::vector<Route> mcp_routes(McpTools tools, McpSettings settings,
                                            GatewayMetrics& metrics);

}  // namespace opaline::gateway
