#include "gateway/search_routes.hpp"

#include "gateway/deployment_fixture.hpp"

namespace opaline::gateway {
namespace {

using SearchRoutes = Deployment;

std::vector<std::string> ids(const boost::json::value& body) {
  std::vector<std::string> all;
  for (const auto& hit : body.at("hits").as_array()) all.emplace_back(hit.at("id").as_string());
  return all;
}

TEST_F(SearchRoutes, TellsScoresAndTimesOfEachStage) {
  const auto reply = post("/v1/search", R"({"query":"q","k":2})");
  ASSERT_EQ(reply.status, 200u) << reply.body;
  const auto body = json(reply);
  EXPECT_EQ(ids(body), (std::vector<std::string>{"c", "b"}));  // The reranker turns them round.
  const auto& first = body.at("hits").as_array()[0];
  EXPECT_EQ(first.at("source").as_string(), "manual/c.html");
  EXPECT_EQ(first.at("text").as_string(), "Text of c");
  EXPECT_EQ(first.at_pointer("/span/begin").to_number<int>(), 10);
  EXPECT_EQ(first.at_pointer("/scores/fused").to_number<double>(), 0.1);
  EXPECT_EQ(first.at_pointer("/scores/rerank").to_number<double>(), 0.5);
  EXPECT_FALSE(first.at("scores").as_object().contains("dense"));
  for (const char* stage : {"embedding", "retrieval", "reranking", "total"}) {
    EXPECT_GE(body.at("timings_ms").at(stage).to_number<double>(), 0) << stage;
  }
  const auto& asked = std::get<contract::RetrievalRequest>(retrieval_.requests.at(0));
  EXPECT_EQ(asked.search.k, 10);  // Candidates for the reranker.
  EXPECT_EQ(asked.embedding, (std::vector<float>{0.5F, -0.25F}));
}

TEST_F(SearchRoutes, LeavesRerankingOutWhenToldTo) {
  const auto body = json(post("/v1/search", R"({"query":"q","k":2,"rerank":false})"));
  EXPECT_EQ(ids(body), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(reranking_.requests.empty());
  EXPECT_FALSE(body.at("timings_ms").as_object().contains("reranking"));
  EXPECT_EQ(std::get<contract::RetrievalRequest>(retrieval_.requests.at(0)).search.k, 2);
}

TEST_F(SearchRoutes, NeedsNoRerankerAndNoEmbedding) {
  services_.reranking = nullptr;
  services_.embedding = nullptr;
  open();
  EXPECT_EQ(ids(json(post("/v1/search", R"({"query":"q"})"))),
            (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(std::get<contract::RetrievalRequest>(retrieval_.requests.at(0)).search.k, 10);
}

TEST_F(SearchRoutes, MakesNoVectorForKeywords) {
  ASSERT_EQ(post("/v1/search", R"({"query":"q","mode":"keyword"})").status, 200u);
  EXPECT_TRUE(embedding_.requests.empty());
}

TEST_F(SearchRoutes, PassesAllParametersOn) {
  const auto reply = post(
      "/v1/search",
      R"({"query":"q","k":50,"mode":"dense","filter":{"lang":"en"},"collection":"legal","search_type":"mmr","lambda_mult":0.3})");
  ASSERT_EQ(reply.status, 200u) << reply.body;
  const auto& search = std::get<contract::RetrievalRequest>(retrieval_.requests.at(0)).search;
  EXPECT_EQ(search.k, 50);
  EXPECT_GE(search.fetch_k, 50);
  EXPECT_EQ(search.mode, contract::SearchParameters::Mode::dense);
  EXPECT_EQ(search.type, contract::SearchParameters::Type::mmr);
  EXPECT_EQ(search.collection, "legal");
  EXPECT_EQ(search.filter.at("lang").as_string(), "en");
}

TEST_F(SearchRoutes, RefusesParametersOutOfRange) {
  for (const char* body : {R"({"query":"q","k":-1})", R"({"query":"q","k":1000000})",
                           R"({"query":"q","mode":"psychic"})", R"({"query":"q","filter":7})",
                           R"({"query":"q","rerank":"perhaps"})"}) {
    EXPECT_EQ(post("/v1/search", body).status, 400u) << body;
  }
}

TEST_F(SearchRoutes, TellsWhatIsMissingOrFails) {
  reranking_.fail(base::ErrorCode::unavailable, "the reranker is away");
  EXPECT_EQ(post("/v1/search", R"({"query":"q"})").status, 503u);
  retrieval_.fail(base::ErrorCode::not_found, "there is no collection 'x'");
  EXPECT_EQ(post("/v1/search", R"({"query":"q"})").status, 404u);
  services_.retrieval = nullptr;
  open();
  const auto reply = post("/v1/search", R"({"query":"q"})");
  EXPECT_EQ(reply.status, 404u);
  EXPECT_NE(reply.body.find("no retrieval service"), std::string::npos);
}

}  // namespace
}  // namespace opaline::gateway
