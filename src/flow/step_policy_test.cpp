#include "flow/step_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "flow/scripted_service.hpp"
#include "flow/simulation.hpp"

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

// --- In time

class StepPolicyTimeTest : public testing::Test {
 protected:
  /// When the service was asked, after the beginning.
  std::vector<base::Clock::duration> asked(Conduct conduct, StepPolicy policy) {
    SimulatedService service("s", ServiceKind::custom, conduct, 1, &time_.diary());
    service.script = [](const Request&) -> base::Result<Reply> {
      return JsonReply{.body = nullptr};
    };
    PolicyService made(service, std::move(policy));
    time_.context().deadline = time_.begun() + 10s;
    Outcome<base::Result<Reply>> outcome;
    time_.run(outcome, made.call(JsonRequest{.body = nullptr, .stream = false}, time_.context()));
    std::vector<base::Clock::duration> times;
    for (std::size_t i = 0; i < time_.diary().size(); ++i) {
      if (time_.diary().lines()[i] != "start s") continue;
      times.push_back(time_.diary().time(i) - time_.begun());
    }
    return times;
  }

  base::EventLoop loop_;
  SimulatedTime time_{loop_};
};

TEST_F(StepPolicyTimeTest, EachWaitIsAboutTwiceTheOneBefore) {
  const auto times = asked({.slowest = 0ms, .broken = 100},
                           {.timeout = {}, .attempts = 4, .backoff = 100ms, .hedge_after = {}});
  ASSERT_EQ(times.size(), 4U);
  auto whole = 100ms;
  for (std::size_t i = 1; i < times.size(); ++i, whole *= 2) {
    EXPECT_GE(times[i] - times[i - 1], whole / 2);
    EXPECT_LE(times[i] - times[i - 1], whole);
  }
}

TEST_F(StepPolicyTimeTest, NoWaitGoesBeyondTheDeadline) {
  const auto times = asked({.slowest = 0ms, .broken = 100},
                           {.timeout = {}, .attempts = 10, .backoff = 1s, .hedge_after = {}});
  EXPECT_GE(times.size(), 4U);
  EXPECT_LE(times.size(), 5U);
  EXPECT_LT(time_.now() - time_.begun(), 10s);
}

TEST_F(StepPolicyTimeTest, TheSecondAskingIsMadeWhenItsTimeHasCome) {
  const auto times = asked({.lost = 100}, {.timeout = {}, .hedge_after = 2s});
  EXPECT_THAT(times, ElementsAre(0s, 2s));
  EXPECT_EQ(time_.now() - time_.begun(), 10s) << "the deadline ends both";
}

}  // namespace
}  // namespace opaline::flow
