#include "app/reachability.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/json/array.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "http/client.hpp"
#include "services/mcp/mcp_client.hpp"
#include "services/remote/api_key.hpp"

namespace opaline::app {
namespace {

namespace json = boost::json;
using base::Result;
using base::Task;

constexpr auto kTime = std::chrono::seconds(5);
constexpr int kPagesMax = 100;  // Of a server's list of tools.

bool has_tool(const json::object& list, const std::string& name) {
  const json::value* tools = list.if_contains("tools");
  if (tools == nullptr || !tools->is_array()) return false;
  for (const json::value& tool : tools->get_array()) {
    const json::object* object = tool.if_object();
    const json::value* called = object == nullptr ? nullptr : object->if_contains("name");
    if (called != nullptr && *called == json::value(name)) return true;
  }
  return false;
}

Task<Result<void>> find_tool(services::McpServerPlace place, std::string tool,
                             base::Context context, http::Client* http) {
  services::McpClient client(place, *http);
  OPALINE_CO_TRY(services::McpSession session, co_await client.initialize(context));
  json::object parameters;
  for (int page = 0; page < kPagesMax; ++page) {
    OPALINE_CO_TRY(auto list, co_await client.request("tools/list", parameters, session, context));
    if (!list) break;
    if (has_tool(*list, tool)) co_return Result<void>();
    const json::value* more = list->if_contains("nextCursor");
    if (more == nullptr || !more->is_string()) break;
    parameters = {{"cursor", *more}};
  }
  co_return base::fail(base::ErrorCode::not_found,
                       fmt::format("{} has no tool '{}'", place.label, tool));
}

Task<Result<void>> reach(flow::ServiceSpec service, http::Client* http) {
  base::Context context;
  context = context.within(kTime);
  OPALINE_CO_TRY(auto endpoint, http::Endpoint::parse(service.url));
  const auto tool = service.options.find("tool");
  if (tool == service.options.end()) {
    http::ClientRequest look{.method = "GET", .path = service.endpoint};
    OPALINE_CO_TRY_DO(co_await http->open(std::move(endpoint), std::move(look), context));
    co_return Result<void>();
  }
  const auto key = service.options.find("api_key");
  services::McpServerPlace place{.endpoint = endpoint, .path = service.endpoint};
  place.label = "the MCP server at " + service.url;
  if (key != service.options.end()) {
    OPALINE_CO_TRY(place.api_key, services::resolve_api_key(key->second));
  }
  co_return co_await find_tool(std::move(place), tool->second, context, http);
}

Task<> look(flow::ServiceSpec service, http::Client* http, std::optional<std::string>* trouble) {
  const std::string name = service.name;
  const auto reached = co_await reach(std::move(service), http);
  if (!reached) *trouble = fmt::format("{}: {}", name, reached.error().message);
}

}  // namespace

std::vector<std::string> unreachable_services(const flow::FlowSpec& spec) {
  std::vector<std::string> found;
  for (const flow::ServiceSpec& service : spec.services) {
    if (service.url.empty()) continue;
    // Each on a loop of its own: what it leaves behind ends with it.
    http::Client client;
    base::EventLoop loop(1);
    std::optional<std::string> trouble;
    boost::asio::co_spawn(loop, look(service, &client, &trouble),
                          [](const std::exception_ptr& thrown) {
                            if (thrown) base::log_exception("look_threw", thrown);
                          });
    loop.run();
    if (trouble) found.push_back(*std::move(trouble));
  }
  return found;
}

}  // namespace opaline::app
