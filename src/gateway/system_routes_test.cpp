#include "gateway/system_routes.hpp"

#include "gateway/deployment_fixture.hpp"

namespace opaline::gateway {
namespace {

using SystemRoutes = Deployment;
using contract::Health;

TEST_F(SystemRoutes, AreAliveWhateverIsReady) {
  parts_ = {{"llm", {Health::State::failed, "no such file"}}};
  EXPECT_EQ(get("/health").status, 200u);
  EXPECT_EQ(get("/health").body, "");
  EXPECT_EQ(get("/healthz").status, 200u);
}

TEST_F(SystemRoutes, HealthCheckHasOpeasShape) {
  const auto body = json(get("/v1/health_check")).as_object();
  EXPECT_EQ(body.at("Service Title").as_string(), "opaline");
  EXPECT_TRUE(body.contains("Version"));
  EXPECT_TRUE(body.contains("Service Description"));
}

TEST_F(SystemRoutes, ReadinessNamesEachReason) {
  parts_ = {{"embedding", {}}, {"llm", {Health::State::starting, "loading the model"}}};
  const auto reply = get("/readyz");
  EXPECT_EQ(reply.status, 503u);
  EXPECT_TRUE(reply.headers.find("Retry-After"));
  const auto body = json(reply);
  EXPECT_EQ(body.at("status").as_string(), "not ready");
  ASSERT_EQ(body.at("reasons").as_array().size(), 1u);
  EXPECT_EQ(body.at_pointer("/parts/1/state").as_string(), "starting");
  parts_[1].health = {};
  EXPECT_EQ(get("/readyz").status, 200u);
}

TEST_F(SystemRoutes, MetricsComeFromTheExporterWithAFreshQueueDepth) {
  dataprep_.set(
      [](const contract::Request& asked, const base::Context&) -> base::Result<contract::Reply> {
        EXPECT_TRUE(std::get<contract::ListJobsRequest>(std::get<contract::DataprepRequest>(asked))
                        .unfinished_only);
        return contract::Reply(
            contract::DataprepReply(contract::ListJobsReply{std::vector<contract::Job>(3)}));
      });
  const auto reply = get("/metrics");
  EXPECT_EQ(reply.body, "metrics text\n");
  EXPECT_EQ(reply.headers.get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  auto& depth = registry_.gauge("rag_queue_depth", "", {{"queue", "ingestion"}});
  EXPECT_EQ(depth.value(), 3);
  dataprep_.fail(base::ErrorCode::unavailable, "away");
  EXPECT_EQ(get("/metrics").status, 200u);
  EXPECT_EQ(depth.value(), 3);
}

TEST_F(SystemRoutes, StatisticsCountQueriesAndStages) {
  (void)post("/rag", R"({"query":"q"})");
  const auto body = json(get("/v1/statistics")).as_object();
  for (const char* name : {"/rag", "embedding", "retrieval", "reranking", "llm"})
    EXPECT_TRUE(body.contains(name)) << name;
}

TEST_F(SystemRoutes, ModelsNameTheFlowAndTheModels) {
  const auto list = json(get("/v1/models"));
  std::vector<std::string> ids;
  for (const auto& card : list.at("data").as_array()) ids.emplace_back(card.at("id").as_string());
  EXPECT_EQ(ids, (std::vector<std::string>{"chatqna", "opaline", "gemma"}));
  EXPECT_EQ(json(get("/v1/models/gemma")).at("object").as_string(), "model");
  EXPECT_EQ(get("/v1/models/gpt-9").status, 404u);
}

TEST_F(SystemRoutes, ConfigTellsWhatAClientShouldKnow) {
  settings_.rate_limit.requests_per_minute = 10;
  settings_.answer_mode = "extract";
  open();
  const auto body = json(get("/v1/config"));
  EXPECT_FALSE(body.at("auth_required").as_bool());
  EXPECT_EQ(body.at("answer_mode").as_string(), "extract");
  EXPECT_EQ(body.at_pointer("/limits/query_characters").to_number<int>(), 1000);
  EXPECT_EQ(body.at_pointer("/limits/requests_per_minute").to_number<int>(), 10);
  EXPECT_EQ(body.at("services").as_array().size(), 5u);
  ASSERT_EQ(body.at_pointer("/flow/steps").as_array().size(), 4u);
  EXPECT_EQ(body.at_pointer("/flow/steps/1/name").as_string(), "retrieval");
  EXPECT_EQ(body.at_pointer("/flow/steps/1/after/0").as_string(), "embedding");
}

TEST_F(SystemRoutes, DocsBringTheirOwnScriptAndStyle) {
  const auto page = get("/docs");
  EXPECT_EQ(page.headers.get("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.body.find("http://"), std::string::npos);
  EXPECT_EQ(page.body.find("https://"), std::string::npos);
  EXPECT_EQ(page.body.find("<style"), std::string::npos);
  EXPECT_EQ(page.body.find("<script>"), std::string::npos);
  EXPECT_EQ(get("/docs/page.js").headers.get("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(get("/docs/page.css").headers.get("Content-Type"), "text/css; charset=utf-8");
}

}  // namespace
}  // namespace opaline::gateway
