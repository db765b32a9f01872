#include "gateway/mcp/mcp_tool.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <map>

#include "gateway/mcp/mcp_server.hpp"
#include "gateway/microservice_routes.hpp"
#include "gateway/scripted_service.hpp"
#include "gateway/search_routes.hpp"

namespace opaline::gateway {
namespace {

namespace json = boost::json;
using contract::ServiceKind;

/// The tools of a deployment whose flow passes JSON, as a client is told of them.
class McpToolTest : public testing::Test {
 protected:
  McpToolTest() {
    for (auto& more : {search_routes(services_, settings_), embedding_routes(services_),
                       reranking_routes(services_)})
      routes_.insert(routes_.end(), more.begin(), more.end());
    routes_.push_back({.method = "POST", .pattern = "/v1/guarded"});
  }

  /// "add" → {"name": "add", …}.
  std::map<std::string, json::object> told() {
    McpServer server(mcp_tools({.json_endpoint = "/v1/guarded",
                                .flow = flow_,
                                .routes = routes_,
                                .services = services_}),
                     "1", metrics_);
    base::EventLoop loop(1);
    const auto answer = run(
        loop, server.answer({.id = json::value(1), .method = "tools/list", .parameters = {}}, {}));
    std::map<std::string, json::object> all;
    for (const auto& tool : json::parse(answer.value()).at("result").at("tools").as_array())
      all.emplace(tool.at("name").as_string(), tool.as_object());
    return all;
  }
  json::object hints(const std::string& tool) {
    return told().at(tool).at("annotations").as_object();
  }

  ScriptedService any_{ServiceKind::custom, {}};
  Services services_{.embedding = &any_, .retrieval = &any_, .reranking = &any_};
  GatewaySettings settings_;
  std::vector<Route> routes_;
  flow::FlowSpec flow_;
  base::MetricRegistry registry_;
  GatewayMetrics metrics_{registry_};
};

TEST_F(McpToolTest, SaysThatOurOwnToolsOnlyRead) {
  for (const char* tool : {"search", "embed", "rerank"}) {
    EXPECT_TRUE(hints(tool).at("readOnlyHint").as_bool()) << tool;
    EXPECT_FALSE(hints(tool).at("openWorldHint").as_bool()) << tool;
  }
}

TEST_F(McpToolTest, PromisesNothingOfAFlowWhoseServicesItDoesNotKnow) {
  for (const flow::ServiceSpec& service : std::vector<flow::ServiceSpec>{
           {.name = "guard", .kind = ServiceKind::custom},
           {.name = "llm", .kind = ServiceKind::llm, .url = "http://elsewhere"},
           {.name = "dataprep", .kind = ServiceKind::dataprep}}) {
    flow_.services = {{.name = "retrieval", .kind = ServiceKind::retrieval}, service};
    EXPECT_FALSE(hints("guarded").contains("readOnlyHint")) << service.name;
    EXPECT_TRUE(hints("guarded").at("openWorldHint").as_bool()) << service.name;
  }
}

TEST_F(McpToolTest, SaysThatAFlowOfOurOwnServicesOnlyReads) {
  flow_.services = {{.name = "retrieval", .kind = ServiceKind::retrieval},
                    {.name = "llm", .kind = ServiceKind::llm}};
  EXPECT_TRUE(hints("guarded").at("readOnlyHint").as_bool());
  EXPECT_FALSE(hints("guarded").at("openWorldHint").as_bool());
}

}  // namespace
}  // namespace opaline::gateway
