#include "gateway/mcp/mcp_tool.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
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

  json::object answer(std::string method, json::object parameters) {
    McpServer server(mcp_tools({.json_endpoint = "/v1/guarded",
                                .description = description_,
                                .flow = flow_,
                                .routes = routes_,
                                .services = services_,
                                .customs = customs_,
                                .others = others_,
                                .registry = &registered_,
                                .reach = &reach}),
                     "1", metrics_);
    base::EventLoop loop(1);
    contract::RpcRequest request{
        .id = json::value(1), .method = std::move(method), .parameters = std::move(parameters)};
    McpExchange exchange{.charge = [this] { return charged_; }};
    const auto said = run(loop, server.answer(std::move(request), std::move(exchange)));
    return json::parse(said.value()).as_object();
  }
  /// "add" → {"name": "add", …}.
  std::map<std::string, json::object> told() {
    std::map<std::string, json::object> all;
    for (const auto& tool : answer("tools/list", {}).at("result").at("tools").as_array())
      all.emplace(tool.at("name").as_string(), tool.as_object());
    return all;
  }
  json::object called(std::string_view tool, json::object arguments) {
    return answer("tools/call", {{"name", tool}, {"arguments", std::move(arguments)}})
        .at("result")
        .as_object();
  }
  void put(std::string_view name, services::ServiceCard card) {
    ASSERT_TRUE(registered_.put(name, {.url = "http://h/x"}, std::move(card)));
  }
  /// A first step, which registers itself.
  void add_step(const std::string& name) {
    flow_.services.push_back({.name = name, .kind = ServiceKind::custom});
    customs_.push_back({name, any_});
  }
  json::object hints(const std::string& tool) {
    return told().at(tool).at("annotations").as_object();
  }

  class Remote final : public contract::Service {
   public:
    explicit Remote(std::string url) : url_(std::move(url)) {}
    [[nodiscard]] ServiceKind kind() const override { return ServiceKind::custom; }
    base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                   base::Context) override {
      json::object body{{"at", url_}, {"got", std::get<contract::JsonRequest>(request).body}};
      co_return contract::JsonReply{.body = std::move(body)};
    }
    [[nodiscard]] contract::Health health() const override { return {}; }

   private:
    std::string url_;
  };
  static base::Result<std::unique_ptr<contract::Service>> reach(const std::string& url) {
    return std::make_unique<Remote>(url);
  }

  ScriptedService any_{ServiceKind::custom, {}};
  Services services_{.embedding = &any_, .retrieval = &any_, .reranking = &any_};
  GatewaySettings settings_;
  std::vector<Route> routes_;
  flow::FlowSpec flow_;
  std::string description_;
  std::vector<CustomService> customs_;
  RegisteredServices others_ = RegisteredServices::all;
  base::Result<void> charged_;
  services::ServiceRegistry registered_;
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

TEST_F(McpToolTest, SaysOfAFlowWhatItsFileSays) {
  EXPECT_TRUE(told().at("guarded").at("description").as_string().starts_with("Runs this server's"));
  description_ = "Answers what is asked of support";
  EXPECT_EQ(told().at("guarded").at("description").as_string(), description_);
}

TEST_F(McpToolTest, OffersTheServicesOfTheFlow) {
  any_.set([](const auto& asked, const auto&) -> base::Result<contract::Reply> {
    return contract::JsonReply{.body = std::get<contract::JsonRequest>(asked).body};
  });
  for (const char* name : {"weather.v2", "search"}) customs_.push_back({name, any_});
  const auto tools = told();
  EXPECT_EQ(tools.at("weather_v2").at("inputSchema").at("type").as_string(), "object");
  EXPECT_TRUE(tools.at("search_service").at("annotations").at("openWorldHint").as_bool());
  EXPECT_FALSE(tools.at("search_service").at("annotations").as_object().contains("readOnlyHint"));
  const auto said = called("weather_v2", {{"town", "Oslo"}});
  EXPECT_EQ(json::serialize(said.at("structuredContent")), R"({"town":"Oslo"})");
  EXPECT_EQ(
      registry_
          .counter("rag_queries_total", "", {{"route", "/mcp#weather_v2"}, {"status", "success"}})
          .value(),
      1);
  any_.fail(base::ErrorCode::unavailable, "it rains");
  EXPECT_TRUE(called("weather_v2", {}).at("isError").as_bool());
}

TEST_F(McpToolTest, OffersWhatIsRegisteredAsLongAsItIs) {
  add_step("step");
  put("described", {.description = "Translates"});
  put("shaped", {.input_schema = {{"required", {"text"}}},
                 .output_schema = {{"type", "object"}, {"required", {"at"}}}});
  put("step", {});
  put("silent", {});
  put("list", {.description = "d", .input_schema = {{"type", "array"}}});
  auto tools = told();
  EXPECT_EQ(tools.at("described").at("description").as_string(), "Translates");
  EXPECT_EQ(json::serialize(tools.at("shaped").at("inputSchema")),
            R"({"required":["text"],"type":"object"})");
  EXPECT_EQ(json::serialize(tools.at("shaped").at("outputSchema")),
            R"({"type":"object","required":["at"]})");
  EXPECT_TRUE(tools.contains("step")) << "the flow has it";
  EXPECT_FALSE(tools.contains("silent")) << "nothing says what it is for";
  EXPECT_FALSE(tools.contains("list")) << "a tool takes an object";
  ASSERT_TRUE(registered_.remove("described", ""));
  EXPECT_FALSE(told().contains("described"));
}

TEST_F(McpToolTest, CallsNothingThatOnlyAStrangerRegistered) {
  others_ = RegisteredServices::of_the_flow;
  add_step("step");
  put("step", {});
  put("stranger", {.description = "Anybody without a key may say so"});
  const auto tools = told();
  EXPECT_TRUE(tools.contains("step"));
  EXPECT_FALSE(tools.contains("stranger"));
  EXPECT_EQ(answer("tools/call", {{"name", "step"}}).count("error"), 0u);
  EXPECT_EQ(answer("tools/call", {{"name", "stranger"}}).at("error").at("code").as_int64(), -32602);
}

TEST_F(McpToolTest, LetsNobodyPastTheStepsBeforeOne) {
  // In the flow, but not among those that anybody may call.
  flow_.services = {{.name = "inner", .kind = ServiceKind::custom}};
  put("inner", {.description = "Trusts what the guardrail lets through"});
  EXPECT_FALSE(told().contains("inner"));
  EXPECT_TRUE(answer("tools/call", {{"name", "inner"}}).contains("error"));
}

TEST_F(McpToolTest, GivesAnExactNameToWhoHasIt) {
  for (const char* name : {"pay.out", "pay_out"}) {
    any_.set([](const auto&, const auto&) -> base::Result<contract::Reply> {
      return contract::JsonReply{.body = json::object()};
    });
    customs_.push_back({name, any_});
    put(std::string("far.") + name, {.description = "d"});
  }
  put("far_pay_out", {.description = "d"});
  const auto tools = told();
  EXPECT_EQ(tools.at("pay_out").at("title").as_string(), "pay_out");
  EXPECT_EQ(tools.at("pay_out_service").at("title").as_string(), "pay.out");
  EXPECT_EQ(tools.at("far_pay_out").at("title").as_string(), "far_pay_out");
  EXPECT_EQ(tools.at("far_pay_out_service").at("title").as_string(), "far.pay.out");
}

TEST_F(McpToolTest, LeavesAServiceItsArguments) {
  any_.set([](const auto& asked, const auto&) -> base::Result<contract::Reply> {
    return contract::JsonReply{.body = std::get<contract::JsonRequest>(asked).body};
  });
  customs_.push_back({"river", any_});
  const auto said = called("river", {{"stream", "Akerselva"}});
  EXPECT_EQ(json::serialize(said.at("structuredContent")), R"({"stream":"Akerselva"})");
}

TEST_F(McpToolTest, ChargesACallBeforeItLooksUpWhatIsCalled) {
  charged_ = base::fail(base::ErrorCode::resource_exhausted, "too many requests");
  const auto refused = called("nobody", {});
  EXPECT_EQ(refused.at("content").at(0).at("text").as_string(), "too many requests");
}

TEST_F(McpToolTest, CallsARegisteredServiceThroughItsInstances) {
  put("shaped", {.input_schema = {{"required", {"text"}}}});
  const auto said = called("shaped", {{"text", "a"}});
  EXPECT_EQ(json::serialize(said.at("structuredContent")),
            R"({"at":"http://h/x","got":{"text":"a"}})");
  const auto refused = called("shaped", {});
  EXPECT_TRUE(refused.at("isError").as_bool());
  EXPECT_EQ(refused.at("content").at(0).at("text").as_string(),
            "this is not what the service 'shaped' takes: /text: is required, and missing");
  EXPECT_EQ(answer("tools/call", {{"name", "gone"}}).at("error").at("code").as_int64(), -32602);
  // A client chooses its service's name; the metrics are not to grow with it.
  EXPECT_EQ(
      registry_.counter("rag_queries_total", "", {{"route", "/mcp#service"}, {"status", "success"}})
          .value(),
      1);
}

}  // namespace
}  // namespace opaline::gateway
