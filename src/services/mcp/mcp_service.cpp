#include "services/mcp/mcp_service.hpp"

#include <boost/json/serialize.hpp>
#include <utility>

#include "services/mcp/tool_result.hpp"

namespace opaline::services {
namespace json = boost::json;
namespace {

using base::ErrorCode;
using base::Result;
using base::Task;

McpServerPlace place_of(const McpSettings& settings, const std::string& label) {
  return {.endpoint = settings.endpoint,
          .path = settings.path,
          .api_key = settings.api_key,
          .label = label};
}

}  // namespace

McpService::McpService(McpSettings settings, http::Client& http)
    : tool_(settings.tool),
      label_("the MCP tool '" + settings.tool + "' at " + settings.endpoint.text()),
      client_(place_of(settings, label_), http) {}

Task<Result<contract::Reply>> McpService::call(contract::Request request, base::Context context) {
  auto* asked = std::get_if<contract::JsonRequest>(&request);
  if (asked == nullptr || !asked->body.is_object())
    co_return base::fail(ErrorCode::invalid_argument, label_ + " takes a JSON object");
  const json::object parameters{{"name", tool_}, {"arguments", std::move(asked->body)}};
  constexpr int kSessions = 2;  // One may have ended over there since it was last used.
  for (int tried = 0; tried < kSessions; ++tried) {
    OPALINE_CO_TRY(McpSession with, co_await session(context));
    OPALINE_CO_TRY(auto result, co_await client_.request("tools/call", parameters, with, context));
    if (result) {
      OPALINE_CO_TRY(json::value output, read_tool_result(*std::move(result), label_));
      co_return contract::JsonReply{.body = std::move(output)};
    }
    forget(with);
  }
  co_return base::fail(ErrorCode::unavailable, label_ + " forgets its sessions at once");
}

Task<Result<McpSession>> McpService::session(base::Context context) {
  if (auto known = kept()) co_return *std::move(known);
  // Two calls at once may begin one each; the later one is kept, both work.
  OPALINE_CO_TRY(McpSession begun, co_await client_.initialize(std::move(context)));
  keep(begun);
  co_return begun;
}

std::optional<McpSession> McpService::kept() const {
  const std::lock_guard lock(mutex_);
  return session_;
}

void McpService::keep(const McpSession& session) {
  const std::lock_guard lock(mutex_);
  session_ = session;
}

void McpService::forget(const McpSession& session) {
  const std::lock_guard lock(mutex_);
  if (session_ == session) session_.reset();
}

}  // namespace opaline::services
