#include "flow/step_cache.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string_view>

#include "flow/scripted_service.hpp"

namespace opaline::flow {
namespace {

using namespace std::chrono_literals;
using contract::JsonReply;
using contract::JsonRequest;
using contract::Reply;
using contract::Request;

constexpr std::string_view kSpent =
    R"({"n":7,"usage":{"prompt_tokens":5,"of":{"cached_tokens":2}}})";

class StepCacheTest : public testing::Test {
 protected:
  StepCacheTest() {
    service_.script = [this](const Request& request) -> base::Result<Reply> {
      ++asked_;
      if (fail_) return base::fail(base::ErrorCode::unavailable, "down");
      return JsonReply{.body = std::get<JsonRequest>(request).body};
    };
  }
  base::Result<Reply> ask(std::string_view text, std::string tenant = "a", bool stream = false) {
    base::Context context;
    context.tenant = std::move(tenant);
    Outcome<base::Result<Reply>> outcome;
    outcome.of(loop_, cache_.call(JsonRequest{.body = boost::json::string(text), .stream = stream},
                                  context));
    settle(loop_);
    return std::move(outcome.value());
  }

  base::EventLoop loop_;
  Journal journal_;
  ScriptedService service_{"s", contract::ServiceKind::custom, &journal_};
  StepCache::Clock::time_point now_{};
  bool fail_ = false;
  int asked_ = 0;
  StepCache cache_{service_, {.keep = 10s, .bytes_max = 40, .now = [this] { return now_; }}};
};

TEST_F(StepCacheTest, AnswersTheSameQuestionOnce) {
  for (int i = 0; i < 3; ++i) {
    const auto reply = ask("x");
    ASSERT_TRUE(reply);
    EXPECT_EQ(std::get<JsonReply>(*reply).body.as_string(), "x");
  }
  EXPECT_EQ(asked_, 1);
  (void)ask("y");
  EXPECT_EQ(asked_, 2);
}

TEST_F(StepCacheTest, ForgetsWhatIsTooOld) {
  (void)ask("x");
  now_ += 9s;
  (void)ask("x");
  EXPECT_EQ(asked_, 1);
  now_ += 1s;
  (void)ask("x");
  EXPECT_EQ(asked_, 2);
}

TEST_F(StepCacheTest, KeepsTenantsApart) {
  (void)ask("x", "a");
  (void)ask("x", "b");
  EXPECT_EQ(asked_, 2);
}

TEST_F(StepCacheTest, KeepsNoErrorsAndNoStreams) {
  fail_ = true;
  EXPECT_FALSE(ask("x"));
  fail_ = false;
  EXPECT_TRUE(ask("x"));
  (void)ask("x", "a", true);
  EXPECT_EQ(asked_, 3);
}

TEST_F(StepCacheTest, DropsWhatWasUsedLongestAgo) {
  (void)ask("11111");  // 2 + 7 + 7 bytes: two fit.
  (void)ask("22222");
  (void)ask("11111");
  (void)ask("33333");
  EXPECT_LE(cache_.bytes(), 40U);
  EXPECT_EQ(asked_, 3);
  (void)ask("11111");
  EXPECT_EQ(asked_, 3);
  (void)ask("22222");
  EXPECT_EQ(asked_, 4);
}

TEST_F(StepCacheTest, AnAnswerGivenAgainCostsNothing) {
  service_.script = [](const Request&) -> base::Result<Reply> {
    return JsonReply{.body = boost::json::parse(kSpent)};
  };
  const auto answer = [this](StepCache& cache) {
    Outcome<base::Result<Reply>> outcome;
    outcome.of(loop_, cache.call(JsonRequest{.body = "x"}, {}));
    settle(loop_);
    return boost::json::serialize(std::get<JsonReply>(*outcome.value()).body);
  };
  StepCache::Settings settings{.keep = 10s, .bytes_max = 4096};
  StepCache plain(service_, settings);
  settings.generates = true;
  StepCache generating(service_, settings);
  EXPECT_EQ(answer(generating), kSpent);
  EXPECT_EQ(answer(generating), R"({"n":7,"usage":{"prompt_tokens":0,"of":{"cached_tokens":0}}})");
  EXPECT_EQ(answer(plain), kSpent);
  EXPECT_EQ(answer(plain), kSpent) << "its usage may be anything";
}

TEST_F(StepCacheTest, DoesNotKeepWhatIsTooLarge) {
  (void)ask("11111");
  (void)ask(std::string(100, 'x'));
  EXPECT_EQ(cache_.bytes(), 16U);
}

}  // namespace
}  // namespace opaline::flow
