#include "gateway/registry_routes.hpp"

#include <boost/json/serialize.hpp>

#include "gateway/deployment_fixture.hpp"

namespace opaline::gateway {
namespace {

using contract::Health;

class RegistryRoutes : public Deployment {
 protected:
  boost::json::value listed() { return json(get("/v1/list_service")); }
  boost::json::value parameters() { return json(get("/v1/list_parameters")); }
};

TEST_F(RegistryRoutes, SaysHowTheServicesOfTheFlowAre) {
  parts_ = {{"retrieval", {}},
            {"llm", {.state = Health::State::starting, .reason = "loading the model"}}};
  settings_.version = "1.2.3";
  open();
  const auto services = listed();
  EXPECT_EQ(boost::json::serialize(services.at("retrieval")),
            R"({"description":"Passages for a question","endpoint":"","kind":"retrieval",)"
            R"("health":"ready","version":"1.2.3"})");
  EXPECT_EQ(services.at("llm").at("health").as_string(), "starting");
  EXPECT_EQ(services.at("llm").at("reason").as_string(), "loading the model");
  EXPECT_FALSE(services.at("embedding").as_object().contains("health")) << "it is not known";
}

TEST_F(RegistryRoutes, SaysWhatARequestMeansThatSaysNothing) {
  auto all = parameters();
  EXPECT_EQ(all.at("retrieval").at("k").at("default").as_int64(), 4);
  EXPECT_EQ(all.at("reranking").at("top_n").at("default").as_int64(), 1);
  EXPECT_TRUE(all.at("llm").at("stream").at("default").as_bool());
  EXPECT_FALSE(all.at("llm").at("max_tokens").as_object().contains("default"));
  settings_.answer_sources = 5;
  settings_.search_candidates = 30;
  open();
  all = parameters();
  EXPECT_EQ(all.at("retrieval").at("k").at("default").as_int64(), 30);
  EXPECT_EQ(all.at("retrieval").at("fetch_k").at("default").as_int64(), 30);
  EXPECT_EQ(all.at("reranking").at("top_n").at("default").as_int64(), 5);
  // What is told is what is done.
  (void)post("/v1/chatqna", R"({"messages":"Is it so?","stream":false})");
  const auto& asked = std::get<contract::RetrievalRequest>(retrieval_.requests.at(0));
  EXPECT_EQ(asked.search.k, 30);
  EXPECT_EQ(std::get<contract::RerankingRequest>(reranking_.requests.at(0)).top_n, 5);
}

TEST(RegistryRoutesOfOwnServices, TellTheVersionsOfInstances) {
  services::ServiceRegistry registry;
  flow::FlowSpec flow;
  flow.services = {{.name = "own", .kind = contract::ServiceKind::custom},
                   {.name = "far", .kind = contract::ServiceKind::llm, .url = "http://far"}};
  for (const auto& [url, version] : std::vector<std::pair<std::string, std::string>>{
           {"http://a/x", "1.1"}, {"http://b/x", "1.0"}, {"http://c/x", "1.1"}})
    ASSERT_TRUE(registry.put("own", {.url = url, .version = version}, {}));
  const auto parts = [] { return std::vector<Part>{{"own", {}}, {"far", {}}}; };
  const auto routes = registry_routes(registry, {.flow = flow, .parts = parts, .version = "9"});
  const auto route = std::ranges::find(routes, "/v1/list_service", &Route::pattern);
  ASSERT_NE(route, routes.end());
  base::EventLoop loop(1);
  const auto reply = run(loop, route->answer({}));
  const auto services = boost::json::parse(reply.value().body);
  EXPECT_EQ(services.at("own").at("version").as_string(), "1.0, 1.1");
  EXPECT_EQ(services.at("own").at("health").as_string(), "ready");
  EXPECT_FALSE(services.at("far").as_object().contains("health"));
  EXPECT_FALSE(services.at("far").as_object().contains("version"));
}

}  // namespace
}  // namespace opaline::gateway
