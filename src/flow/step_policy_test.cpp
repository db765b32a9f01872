#include "flow/step_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "flow/scripted_service.hpp"

namespace opaline::flow {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using contract::JsonReply;
using contract::JsonRequest;
using contract::Reply;
using contract::Request;
using contract::ServiceKind;
using testing::ElementsAre;

class StepPolicyTest : public testing::Test {
 protected:
  StepPolicyTest() {
    service_.script = [this](const Request&) -> base::Result<Reply> {
      if (answers_.empty()) return JsonReply{.body = "good"};
      const auto code = answers_.front();
      answers_.erase(answers_.begin());
      if (!code) return JsonReply{.body = "good"};
      return base::fail(*code, "no");
    };
  }

  void start(StepPolicy policy) {
    made_ = std::make_unique<PolicyService>(service_, std::move(policy));
    again();
  }
  void again() {
    outcome_ = std::make_unique<Outcome<base::Result<Reply>>>();
    outcome_->of(loop_, made_->call(JsonRequest{.body = nullptr, .stream = false}, context_));
    settle(loop_);
  }
  std::string said() {
    EXPECT_TRUE(outcome_->ended());
    if (!outcome_->value()) return std::string(base::name(outcome_->value().error().code));
    return std::string(std::get<JsonReply>(*outcome_->value()).body.as_string());
  }

  base::EventLoop loop_;
  Journal journal_;
  ScriptedService service_{"s", ServiceKind::custom, &journal_};
  std::vector<std::optional<ErrorCode>> answers_;
  base::Context context_;
  std::unique_ptr<PolicyService> made_;
  std::unique_ptr<Outcome<base::Result<Reply>>> outcome_;
};

TEST_F(StepPolicyTest, TriesAgainWhatMayPass) {
  answers_ = {ErrorCode::unavailable, ErrorCode::unavailable};
  start({.timeout = {}, .attempts = 3, .backoff = 0ms, .hedge_after = {}});
  EXPECT_EQ(said(), "good");
  EXPECT_EQ(service_.requests.size(), 3U);
}

TEST_F(StepPolicyTest, TriesNoMoreThanItMay) {
  answers_ = {ErrorCode::unavailable, ErrorCode::unavailable};
  start({.timeout = {}, .attempts = 2, .backoff = 0ms, .hedge_after = {}});
  EXPECT_EQ(said(), "unavailable");
  EXPECT_EQ(service_.requests.size(), 2U);
}

TEST_F(StepPolicyTest, DoesNotRepeatWhatWouldFailAgain) {
  answers_ = {ErrorCode::invalid_argument};
  start({.timeout = {}, .attempts = 3, .backoff = 0ms, .hedge_after = {}});
  EXPECT_EQ(said(), "invalid_argument");
  EXPECT_EQ(service_.requests.size(), 1U);
}

TEST_F(StepPolicyTest, DoesNotRepeatForOneWhoLeft) {
  service_.held = true;
  start({.timeout = {},
         .attempts = 3,
         .retry_on = {ErrorCode::cancelled},
         .backoff = 0ms,
         .hedge_after = {}});
  context_.cancellation->request();
  settle(loop_);
  EXPECT_EQ(said(), "cancelled");
  EXPECT_THAT(journal_, ElementsAre("start s", "cancelled s"));
}

TEST_F(StepPolicyTest, DoesNotWaitLongerThanTheRequestHasTime) {
  answers_ = {ErrorCode::unavailable};
  context_.deadline = base::Context::Clock::now() + 1s;
  start({.timeout = {}, .attempts = 3, .backoff = 10s, .hedge_after = {}});
  EXPECT_EQ(said(), "unavailable");
}

TEST_F(StepPolicyTest, RetriesStayWithinABudget) {
  start({.timeout = {}, .attempts = 2, .backoff = 0ms, .hedge_after = {}});
  service_.script = [](const Request&) -> base::Result<Reply> {
    return base::fail(ErrorCode::unavailable, "down");
  };
  service_.requests.clear();
  for (int i = 0; i < 100; ++i) again();
  EXPECT_GE(service_.requests.size(), 110U);
  EXPECT_LE(service_.requests.size(), 121U);
}

TEST_F(StepPolicyTest, ARequestHasOneBudgetForAllItsSteps) {
  service_.script = [](const Request&) -> base::Result<Reply> {
    return base::fail(ErrorCode::unavailable, "down");
  };
  constexpr int kSteps = 20;
  for (int step = 0; step < kSteps; ++step) {  // Each has a budget of its own for ten.
    start({.timeout = {},
           .attempts = limits::kStepAttempts,
           .backoff = 0ms,
           .hedge_after = step % 2 == 0 ? std::optional(0ms) : std::nullopt});
  }
  EXPECT_EQ(service_.requests.size(), kSteps + std::size_t{limits::kExtraAttempts});
}

TEST_F(StepPolicyTest, NothingIsAskedAgainForOneWhoLeftBetweenTwoAttempts) {
  answers_ = {ErrorCode::unavailable};
  start({.timeout = {}, .attempts = 3, .backoff = 1h, .hedge_after = {}});
  context_.cancellation->request();
  settle(loop_);
  EXPECT_EQ(said(), "cancelled");
  EXPECT_EQ(service_.requests.size(), 1U);
}

TEST_F(StepPolicyTest, DoesNotAskASecondTimeWhenTheTimeIsOver) {
  service_.held = true;
  context_.deadline = base::Context::Clock::now();
  start({.timeout = {}, .hedge_after = 0ms});
  EXPECT_EQ(service_.waiting(), 1U);
  service_.release();
  settle(loop_);
}

TEST_F(StepPolicyTest, AsksASecondTimeAndTakesTheFirstGoodAnswer) {
  service_.held = true;
  start({.timeout = {}, .hedge_after = 0ms});
  EXPECT_EQ(service_.waiting(), 2U);
  service_.release();
  settle(loop_);
  EXPECT_EQ(said(), "good");
  EXPECT_THAT(journal_, ElementsAre("start s", "start s", "end s", "cancelled s"));
}

TEST_F(StepPolicyTest, ABadAnswerWaitsForTheOther) {
  service_.held = true;
  answers_ = {ErrorCode::unavailable, std::nullopt};
  start({.timeout = {}, .hedge_after = 0ms});
  service_.release();
  settle(loop_);
  EXPECT_FALSE(outcome_->ended());
  service_.release();
  settle(loop_);
  EXPECT_EQ(said(), "good");
}

TEST_F(StepPolicyTest, DoesNotAskTwiceWhatAnswersInTime) {
  start({.timeout = {}, .hedge_after = 1h});
  EXPECT_EQ(said(), "good");
  EXPECT_EQ(service_.requests.size(), 1U);
}

TEST_F(StepPolicyTest, CancellingARaceCancelsBoth) {
  service_.held = true;
  start({.timeout = {}, .hedge_after = 0ms});
  context_.cancellation->request();
  settle(loop_);
  EXPECT_EQ(said(), "cancelled");
  EXPECT_THAT(journal_, ElementsAre("start s", "start s", "cancelled s", "cancelled s"));
}

}  // namespace
}  // namespace opaline::flow
