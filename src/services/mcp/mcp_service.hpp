#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "contract/service.hpp"
#include "services/mcp/mcp_client.hpp"

namespace opaline::services {

struct McpSettings {
  http::Endpoint endpoint;
  std::string path = "/mcp";
  std::string tool;
  std::string api_key;  ///< The key itself; empty: none.
};

/// One tool of an MCP server as a step: the step's JSON object are the tool's arguments, its result
/// is what read_tool_result() makes of it. A session is begun with the first call and kept; when
/// the server has forgotten it, a new one is begun once. Any thread; the HTTP client must outlive
/// it.
class McpService final : public contract::Service {
 public:
  McpService(McpSettings settings, http::Client& http);

  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::custom;
  }
  /// @error invalid_argument: no JSON object, or the server says so; failed_precondition: the tool
  /// failed, or the server refuses us; resource_exhausted; unavailable: refused, reset, broken off,
  /// or sessions forgotten at once; internal: it answered with something else; deadline_exceeded;
  /// cancelled.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  /// Always ready: what another machine is able to do shows when it is asked.
  [[nodiscard]] contract::Health health() const override { return {}; }

 private:
  base::Task<base::Result<McpSession>> session(base::Context context);
  [[nodiscard]] std::optional<McpSession> kept() const;
  void keep(const McpSession& session);
  void forget(const McpSession& session);

  std::string tool_;
  std::string label_;
  McpClient client_;
  mutable std::mutex mutex_;
  std::optional<McpSession> session_;  // Under the mutex.
};

}  // namespace opaline::services
