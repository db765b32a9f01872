#include "services/reranking/reranking_service.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <chrono>

#include "base/limits.hpp"

namespace opaline::services {
namespace {

using namespace std::chrono_literals;
using contract::RerankingReply;
using contract::RerankingRequest;

/// One token a letter: 'a' and 'b' are at right angles; between two specials.
class LetterEncoder final : public engine::Encoder {
 public:
  void submit(engine::EncodeJob job, Done done) override {
    batches.push_back(job.texts.size());
    using Output = engine::EncodeJob::Output;
    EXPECT_EQ(job.output, cross ? Output::score : Output::tokens);
    if (failure) return done(base::fail(*failure));
    std::vector<engine::Encoded> all;
    if (cross) {
      // The share of the question's letters that stand in the text.
      for (const std::string& text : job.texts) {
        const auto found =
            std::ranges::count_if(job.question, [&](char letter) { return text.contains(letter); });
        all.push_back(
            {.values = {static_cast<float>(found) / static_cast<float>(job.question.size())}});
      }
      done(std::move(all));
      return;
    }
    for (const std::string& text : job.texts) {
      engine::Encoded one{.values = {0, 0}, .rows = text.size() + 2, .tokens = text.size() + 2};
      for (const char letter : text)
        one.values.insert(one.values.end(), {letter == 'a' ? 1.0F : 0, letter == 'b' ? 1.0F : 0});
      one.values.insert(one.values.end(), {0, 0});
      all.push_back(std::move(one));
    }
    done(std::move(all));
  }
  [[nodiscard]] std::size_t dimension() const override { return 2; }
  [[nodiscard]] bool ranks() const override { return cross; }
  [[nodiscard]] std::size_t window_tokens() const override { return 512; }
  [[nodiscard]] const std::string& model_name() const override { return name_; }
  [[nodiscard]] std::size_t queued_texts() const override { return 0; }
  [[nodiscard]] std::size_t count_tokens(std::string_view text) const override {
    return text.size();
  }

  std::vector<std::size_t> batches;
  std::optional<base::Error> failure;
  bool cross = false;

 private:
  std::string name_ = "letters";
};

base::Task<> call_into(base::Result<contract::Reply>& into, contract::Service& service,
                       contract::Request request, base::Context context) {
  into = co_await service.call(std::move(request), std::move(context));
}

class Reranking : public testing::Test {
 protected:
  base::Result<RerankingReply> call(contract::Request request, base::Context context = {}) {
    base::EventLoop loop(1);
    base::Result<contract::Reply> reply = base::fail(base::ErrorCode::internal, "it did not end");
    boost::asio::co_spawn(loop, call_into(reply, service_, std::move(request), std::move(context)),
                          [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
    loop.run_for(5s);
    if (!reply) return base::fail(reply.error());
    return std::get<RerankingReply>(std::move(*reply));
  }

  static RerankingRequest request(std::string query, std::vector<std::string> texts, int top_n) {
    RerankingRequest r{.query = std::move(query), .hits = {}, .top_n = top_n};
    for (std::string& text : texts) r.hits.emplace_back().text = std::move(text);
    return r;
  }

  LetterEncoder encoder_;
  base::WorkerPool pool_{1};
  RerankingService service_{encoder_, pool_};
};

TEST_F(Reranking, OrdersByLateInteraction) {
  const auto reply = call(request("ab", {"a", "xx", "ba", "aab"}, 0));
  ASSERT_TRUE(reply);
  std::vector<std::pair<std::string, double>> found;
  for (const auto& hit : reply->hits) found.emplace_back(hit.text, *hit.scores.rerank);
  EXPECT_EQ(found, (std::vector<std::pair<std::string, double>>{
                       {"ba", 1}, {"aab", 1}, {"a", 0.5}, {"xx", 0}}))
      << "equal scores keep their order";
  EXPECT_EQ(reply->query, "ab");
}

TEST_F(Reranking, ReadsThePassageUnderItsTitles) {
  RerankingRequest under_title = request("b", {"a", "a"}, 0);
  under_title.hits[1].title_path = "b";
  const auto reply = call(under_title);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->hits[0].title_path, "b");
  EXPECT_EQ(reply->hits[0].scores.rerank, 1);
}

TEST_F(Reranking, ReadsTheBeginningOfALongPassage) {
  const std::string filler(450, 'a');
  const auto reply = call(request("b", {filler + "b", "ab"}, 0));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->hits[0].text, "ab");
  EXPECT_EQ(reply->hits[1].scores.rerank, 0);
}

TEST_F(Reranking, TakesTheScoresOfACrossEncoder) {
  encoder_.cross = true;
  RerankingRequest asked = request("abcd", {"a", "xx", "ab"}, 2);
  asked.hits[1].title_path = "abc";
  const auto reply = call(asked);
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_EQ(reply->hits.size(), 2U);
  EXPECT_EQ(reply->hits[0].text, "xx");
  EXPECT_EQ(reply->hits[0].scores.rerank, 0.75);
  EXPECT_EQ(reply->hits[1].text, "ab");
  EXPECT_EQ(encoder_.batches, std::vector<std::size_t>{3});
}

TEST_F(Reranking, MeetsRetrieval) {
  RerankingRequest fused = request("ab", {"xx", "a", "b"}, 0);
  fused.hits[0].scores.fused = 0.8;  // The best of retrieval: counts as 1.
  fused.hits[1].scores.fused = 0.6;
  const auto reply = call(fused);
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->hits.size(), 3U);
  EXPECT_EQ(reply->hits[0].text, "a");
  EXPECT_NEAR(*reply->hits[0].scores.rerank, 0.6 * 0.5 + 0.4 * 0.6 / 0.8, 1e-9);
  EXPECT_EQ(reply->hits[1].text, "xx");
  EXPECT_NEAR(*reply->hits[1].scores.rerank, 0.4, 1e-9);
  EXPECT_EQ(reply->hits[2].text, "b");
  EXPECT_NEAR(*reply->hits[2].scores.rerank, 0.3, 1e-9);
}

TEST_F(Reranking, KeepsTopN) {
  EXPECT_EQ(call(request("a", {"b", "a", "b"}, 1))->hits.at(0).text, "a");
  EXPECT_EQ(call(request("a", {"b", "a", "b"}, 1))->hits.size(), 1U);
  EXPECT_TRUE(call(request("a", {}, 1))->hits.empty());
}

TEST_F(Reranking, HoldsFewPassagesAtOnce) {
  EXPECT_EQ(call(request("a", std::vector<std::string>(70, "a"), 0))->hits.size(), 70U);
  EXPECT_EQ(encoder_.batches, (std::vector<std::size_t>{1, 32, 32, 6}));
}

TEST_F(Reranking, RefusesWhatItCannotDo) {
  EXPECT_EQ(call(request("", {"a"}, 1)).error().code, base::ErrorCode::invalid_argument);
  EXPECT_EQ(call(contract::ChatRequest{}).error().code, base::ErrorCode::invalid_argument);
  EXPECT_EQ(call(request("a", std::vector<std::string>(limits::kRerankTexts + 1), 1)).error().code,
            base::ErrorCode::invalid_argument);
  encoder_.failure =
      base::Error{.code = base::ErrorCode::resource_exhausted, .message = "full", .detail = {}};
  EXPECT_EQ(call(request("a", {"a"}, 1)).error().message, "full");
}

TEST_F(Reranking, EndsWhenTheCallerLeft) {
  base::Context context;
  context.cancellation->request();
  EXPECT_EQ(call(request("a", {"a"}, 1), context).error().code, base::ErrorCode::cancelled);
}

}  // namespace
}  // namespace opaline::services
