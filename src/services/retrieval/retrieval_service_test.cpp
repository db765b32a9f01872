#include "services/retrieval/retrieval_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json/parse.hpp>
#include <filesystem>
#include <optional>

#include "base/event.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;
using base::Result;
using contract::RetrievalReply;
using contract::SearchParameters;
using testing::ElementsAre;
using testing::HasSubstr;

/// An embedding service that says what it is told to.
class ScriptedEmbedding final : public contract::Service {
 public:
  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::embedding;
  }
  base::Task<Result<contract::Reply>> call(contract::Request request, base::Context) override {
    asked.push_back(std::get<contract::EmbeddingRequest>(request).texts.front());
    if (error) co_return base::fail(*error);
    co_return contract::Reply(contract::EmbeddingReply{.vectors = vectors, .model = "scripted"});
  }
  [[nodiscard]] contract::Health health() const override { return {}; }

  std::vector<std::vector<float>> vectors = {{1, 0, 0}};
  std::optional<base::Error> error;
  std::vector<std::string> asked;
};

struct Passage {
  std::string text;
  std::vector<float> vector;
};

class RetrievalServiceTest : public testing::Test {
 protected:
  RetrievalServiceTest() {
    std::filesystem::remove_all(folder_);
    auto opened = store::Store::open(folder_);
    EXPECT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    service_ = std::make_unique<RetrievalService>(*store_, embedding_, pool_);
  }
  ~RetrievalServiceTest() override {
    service_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void add(const std::string& source, const std::vector<Passage>& passages,
           const std::string& metadata = "{}") {
    store::PreparedDocument document;
    document.document = {.id = "id-" + source,
                         .collection = "default",
                         .source = source,
                         .title = "Title of " + source,
                         .mime = "text/plain",
                         .sha256 = source,
                         .bytes = 1,
                         .metadata = metadata};
    for (const Passage& passage : passages) {
      store::ChunkRow chunk;
      chunk.ordinal = static_cast<std::uint32_t>(document.chunks.size());
      chunk.title_path = "Part > Section";
      chunk.text = passage.text;
      chunk.range = {document.text.size(), document.text.size() + passage.text.size()};
      chunk.page = 3;
      chunk.vector = passage.vector;
      document.text += passage.text + "\n";
      document.chunks.push_back(std::move(chunk));
    }
    const auto added = store_->replace_document(std::move(document), "", "ready", "[]");
    ASSERT_TRUE(added) << added.error().message;
  }

  Result<RetrievalReply> ask(contract::RetrievalRequest request, base::Context context = {}) {
    std::optional<Result<RetrievalReply>> reply;
    base::EventLoop loop(1);
    boost::asio::co_spawn(loop, answer(std::move(request), std::move(context), &reply),
                          boost::asio::detached);
    loop.run_for(std::chrono::seconds(5));
    EXPECT_TRUE(reply.has_value()) << "the service did not answer";
    return *reply;
  }
  base::Task<> answer(contract::RetrievalRequest request, base::Context context,
                      std::optional<Result<RetrievalReply>>* reply) {
    reply->emplace(
        co_await contract::call<RetrievalReply>(*service_, std::move(request), std::move(context)));
  }

  static std::vector<std::string> texts(const Result<RetrievalReply>& reply) {
    std::vector<std::string> found;
    if (!reply) return {"error: " + reply.error().message};
    for (const contract::Hit& hit : reply->hits) found.push_back(hit.text);
    return found;
  }

  void add_animals() {
    add("cats.txt", {{"cats purr at night", {1, 0, 0}}, {"cats sleep all day", {0.8F, 0.6F, 0}}},
        R"({"kind":"cat"})");
    add("dogs.txt", {{"dogs bark at the postman", {0, 1, 0}}}, R"({"kind":"dog"})");
  }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("retrieval_") + testing::UnitTest::GetInstance()->current_test_info()->name());
  base::WorkerPool pool_{1};
  ScriptedEmbedding embedding_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<RetrievalService> service_;
};

TEST_F(RetrievalServiceTest, AnEmptyStoreSaysSo) {
  const auto reply = ask({.text = "cats"});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(reply->hits.empty());
  EXPECT_THAT(reply->warnings, ElementsAre("there are no documents yet"));
  EXPECT_TRUE(embedding_.asked.empty());
}

TEST_F(RetrievalServiceTest, HybridAsksForTheVectorAndShowsEachStage) {
  add_animals();
  const auto reply = ask({.text = "who does purr?", .top_n = 7});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(embedding_.asked, ElementsAre("who does purr?"));
  EXPECT_EQ(reply->query, "who does purr?");
  EXPECT_EQ(reply->top_n, 7);
  ASSERT_EQ(reply->hits.size(), 3U);
  const contract::Hit& best = reply->hits.front();
  EXPECT_EQ(best.text, "cats purr at night");
  EXPECT_EQ(best.document_id, "id-cats.txt");
  EXPECT_EQ(best.source, "cats.txt");
  EXPECT_EQ(best.title, "Title of cats.txt");
  EXPECT_EQ(best.title_path, "Part > Section");
  EXPECT_EQ(best.span, (contract::Span{0, 18}));
  EXPECT_EQ(best.page, 3);
  EXPECT_EQ(best.metadata.at("kind").as_string(), "cat");
  EXPECT_NEAR(best.scores.dense.value(), 1, 1e-6);
  EXPECT_GT(best.scores.bm25.value(), 0);
  // It has every word at its best and the question's own vector.
  EXPECT_NEAR(best.scores.fused.value(), 1, 1e-6);
  EXPECT_EQ(reply->hits[1].scores.bm25, std::nullopt);
}

TEST_F(RetrievalServiceTest, FillsInTheCosineOfPassagesThatOnlyKeywordsFound) {
  add_animals();
  service_ = std::make_unique<RetrievalService>(*store_, embedding_, pool_,
                                                RetrievalSettings{.candidates = 1});
  contract::RetrievalRequest request{.text = "bark"};
  request.search.k = 1;
  request.search.fetch_k = 1;
  request.search.dense_weight = 0;
  const auto reply = ask(std::move(request));
  ASSERT_THAT(texts(reply), ElementsAre("dogs bark at the postman"));
  EXPECT_NEAR(reply->hits.front().scores.dense.value(), 0, 1e-6);
}

TEST_F(RetrievalServiceTest, DenseModeFollowsVectorsOnly) {
  add_animals();
  contract::RetrievalRequest request{.text = "bark", .embedding = {0.8F, 0.6F, 0}};
  request.search.mode = SearchParameters::Mode::dense;
  const auto reply = ask(std::move(request));
  EXPECT_THAT(texts(reply),
              ElementsAre("cats sleep all day", "cats purr at night", "dogs bark at the postman"));
  EXPECT_TRUE(embedding_.asked.empty());
  EXPECT_EQ(reply->hits.front().scores.bm25, std::nullopt);
}

TEST_F(RetrievalServiceTest, KeywordModeAsksForNoVector) {
  add_animals();
  contract::RetrievalRequest request{.text = "sleep"};
  request.search.mode = SearchParameters::Mode::keyword;
  const auto reply = ask(std::move(request));
  EXPECT_THAT(texts(reply), ElementsAre("cats sleep all day"));
  EXPECT_TRUE(embedding_.asked.empty());
  EXPECT_EQ(reply->hits.front().scores.dense, std::nullopt);
}

TEST_F(RetrievalServiceTest, ReciprocalRankRewardsAgreement) {
  add_animals();
  contract::RetrievalRequest request{.text = "sleep"};
  request.search.fusion = SearchParameters::Fusion::reciprocal_rank;
  request.search.dense_weight = 0.5;
  const auto reply = ask(std::move(request));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->hits.front().text, "cats sleep all day");
  EXPECT_DOUBLE_EQ(reply->hits.front().scores.fused.value(), 0.5 * 61 / 62 + 0.5);
}

TEST_F(RetrievalServiceTest, ThresholdsDropWhatIsTooFar) {
  add_animals();
  contract::RetrievalRequest request{.text = "purr"};
  request.search.type = SearchParameters::Type::similarity_score_threshold;
  request.search.score_threshold = 0.9;
  EXPECT_THAT(texts(ask(request)), ElementsAre("cats purr at night"));
  request.search.type = SearchParameters::Type::similarity_distance_threshold;
  request.search.distance_threshold = 0.25;
  EXPECT_THAT(texts(ask(request)), ElementsAre("cats purr at night", "cats sleep all day"));
}

TEST_F(RetrievalServiceTest, MmrPrefersSomethingElseToMoreOfTheSame) {
  add_animals();
  contract::RetrievalRequest request{.text = "purr"};
  request.search.type = SearchParameters::Type::mmr;
  request.search.k = 2;
  request.search.lambda_mult = 0.1;
  EXPECT_THAT(texts(ask(request)), ElementsAre("cats purr at night", "dogs bark at the postman"));
  request.search.lambda_mult = 1;
  EXPECT_THAT(texts(ask(request)), ElementsAre("cats purr at night", "cats sleep all day"));
}

TEST_F(RetrievalServiceTest, FiltersByMetadata) {
  add_animals();
  contract::RetrievalRequest request{.text = "purr"};
  request.search.filter = boost::json::parse(R"({"kind":"dog"})").as_object();
  EXPECT_THAT(texts(ask(std::move(request))), ElementsAre("dogs bark at the postman"));
}

TEST_F(RetrievalServiceTest, WithoutVectorsGoesOnByKeywordsAndSaysSo) {
  add_animals();
  embedding_.error = base::Error{ErrorCode::unavailable, "it is starting", ""};
  const auto reply = ask({.text = "purr"});
  EXPECT_THAT(texts(reply), ElementsAre("cats purr at night"));
  ASSERT_EQ(reply->warnings.size(), 1U);
  EXPECT_THAT(reply->warnings.front(), HasSubstr("keywords only"));
  EXPECT_THAT(reply->warnings.front(), HasSubstr("it is starting"));
}

TEST_F(RetrievalServiceTest, WithoutVectorsASearchThatNeedsThemFails) {
  add_animals();
  embedding_.error = base::Error{ErrorCode::unavailable, "it is starting", ""};
  contract::RetrievalRequest request{.text = "purr"};
  request.search.mode = SearchParameters::Mode::dense;
  EXPECT_EQ(ask(request).error().code, ErrorCode::unavailable);
  request.search.mode = SearchParameters::Mode::hybrid;
  request.search.type = SearchParameters::Type::similarity_score_threshold;
  EXPECT_EQ(ask(request).error().code, ErrorCode::unavailable);
}

TEST_F(RetrievalServiceTest, ACancelledSearchIsNotAnsweredByKeywords) {
  add_animals();
  embedding_.error = base::Error{ErrorCode::cancelled, "the caller left", ""};
  EXPECT_EQ(ask({.text = "purr"}).error().code, ErrorCode::cancelled);
}

TEST_F(RetrievalServiceTest, RefusesAnotherNumberOfVectorsThanOne) {
  add_animals();
  embedding_.vectors = {{1, 0, 0}, {0, 1, 0}};
  contract::RetrievalRequest request{.text = "purr"};
  request.search.mode = SearchParameters::Mode::dense;
  EXPECT_EQ(ask(std::move(request)).error().code, ErrorCode::internal);
}

TEST_F(RetrievalServiceTest, NamesAnUnknownCollection) {
  add_animals();
  contract::RetrievalRequest request{.text = "purr"};
  request.search.collection = "birds";
  const auto reply = ask(std::move(request));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::not_found);
  EXPECT_THAT(reply.error().message, HasSubstr("birds"));
}

TEST_F(RetrievalServiceTest, NamesBothDimensions) {
  add_animals();
  embedding_.vectors = {{1, 0, 0, 0, 0}};
  const auto reply = ask({.text = "purr"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::failed_precondition);
  EXPECT_THAT(reply.error().message, HasSubstr("5 dimensions"));
}

TEST_F(RetrievalServiceTest, RefusesParametersOutOfRange) {
  add_animals();
  const auto refused = [&](auto change) {
    contract::RetrievalRequest request{.text = "purr"};
    change(request);
    const auto reply = ask(std::move(request));
    return !reply && reply.error().code == ErrorCode::invalid_argument ? reply.error().message
                                                                       : "accepted";
  };
  using Type = SearchParameters::Type;
  EXPECT_EQ(refused([](auto& r) { r.text = " \n"; }), "the question is empty");
  EXPECT_EQ(refused([](auto& r) { r.search.k = 0; }), "'k' must be between 1 and 1000");
  EXPECT_EQ(refused([](auto& r) { r.search.k = 1001; }), "'k' must be between 1 and 1000");
  EXPECT_EQ(refused([](auto& r) { r.search.dense_weight = 1.5; }),
            "'dense_weight' must be between 0 and 1");
  EXPECT_EQ(refused([](auto& r) { r.search.type = Type::mmr, r.search.fetch_k = 3; }),
            "'fetch_k' must be between 4 and 1000");
  EXPECT_EQ(refused([](auto& r) { r.search.type = Type::mmr, r.search.lambda_mult = 2; }),
            "'lambda_mult' must be between 0 and 1");
  EXPECT_EQ(refused([](auto& r) {
              r.search.type = Type::similarity_score_threshold, r.search.score_threshold = -1;
            }),
            "'score_threshold' must be between 0 and 1");
  EXPECT_EQ(refused([](auto& r) { r.search.type = Type::similarity_distance_threshold; }),
            "a search by distance needs 'distance_threshold'");
}

TEST_F(RetrievalServiceTest, RefusesOtherRequests) {
  std::optional<Result<contract::Reply>> reply;
  base::EventLoop loop(1);
  boost::asio::co_spawn(
      loop,
      [](RetrievalService& service, std::optional<Result<contract::Reply>>& out) -> base::Task<> {
        out.emplace(co_await service.call(contract::EmbeddingRequest{}, {}));
      }(*service_, reply),
      boost::asio::detached);
  loop.run_for(std::chrono::seconds(5));
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace opaline::services
