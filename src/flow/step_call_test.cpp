#include "flow/step_call.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "flow/scripted_service.hpp"
#include "flow/simulation.hpp"

namespace opaline::flow {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using contract::Health;
using contract::JsonReply;
using contract::Reply;
using contract::Request;
using contract::ServiceKind;
using testing::ElementsAre;

class StepCallTest : public testing::Test {
 protected:
  StepCallTest() {
    service_.script = [this](const Request&) -> base::Result<Reply> {
      if (error_) return base::fail(*error_, "no");
      return JsonReply{.body = "good"};
    };
    fallback_.script = [](const Request&) -> base::Result<Reply> {
      return JsonReply{.body = "second best"};
    };
  }
  void start(StepCall step) {
    outcome_.of(loop_, call_step(step, {.body = nullptr}, context_, step.until(context_)));
    settle(loop_);
  }
  std::string said() {
    if (!outcome_.value()) return std::string(base::name(outcome_.value().error().code));
    return std::string(std::get<JsonReply>(*outcome_.value()).body.as_string());
  }

  base::EventLoop loop_;
  Journal journal_;
  ScriptedService service_{"s", ServiceKind::custom, &journal_};
  ScriptedService fallback_{"f", ServiceKind::custom, &journal_};
  std::optional<ErrorCode> error_;
  base::Context context_;
  Outcome<base::Result<Reply>> outcome_;
};

TEST_F(StepCallTest, AsksTheFallbackWhenItsServiceFails) {
  error_ = ErrorCode::internal;
  start({.service = &service_, .fallback = &fallback_, .timeout = {}});
  EXPECT_EQ(said(), "second best");
}

TEST_F(StepCallTest, AGoodAnswerNeedsNoFallback) {
  start({.service = &service_, .fallback = &fallback_, .timeout = {}});
  EXPECT_EQ(said(), "good");
  EXPECT_TRUE(fallback_.requests.empty());
}

TEST_F(StepCallTest, OnlyTheServiceIsBoundByTheStepsTime) {
  error_ = ErrorCode::deadline_exceeded;
  context_.deadline = base::Context::Clock::now() + 1h;
  start({.service = &service_, .fallback = &fallback_, .timeout = 5s});
  EXPECT_EQ(said(), "second best");
  EXPECT_LE(service_.contexts.at(0).remaining(), 5s);
  EXPECT_EQ(fallback_.contexts.at(0).deadline, context_.deadline);
}

TEST_F(StepCallTest, AServiceIsNotAskedWhenItsTimeIsOver) {
  start({.service = &service_, .fallback = &fallback_, .timeout = 0s});
  EXPECT_EQ(said(), "second best");
  EXPECT_TRUE(service_.requests.empty());
}

TEST_F(StepCallTest, TheRequestsTimeIsTheMost) {
  context_.deadline = base::Context::Clock::now() + 1s;
  start({.service = &service_, .fallback = nullptr, .timeout = 5s});
  EXPECT_EQ(service_.contexts.at(0).deadline, context_.deadline);
}

TEST_F(StepCallTest, NobodyIsAskedForOneWhoLeft) {
  service_.held = true;
  start({.service = &service_, .fallback = &fallback_, .timeout = {}});
  context_.cancellation->request();
  settle(loop_);
  EXPECT_EQ(said(), "cancelled");
  EXPECT_THAT(journal_, ElementsAre("start s", "cancelled s"));
}

TEST_F(StepCallTest, IsAsHealthyAsWhoCanAnswer) {
  class Down final : public contract::Service {
    ServiceKind kind() const override { return ServiceKind::custom; }
    Health health() const override { return {.state = Health::State::failed, .reason = "down"}; }
    base::Task<base::Result<Reply>> call(Request, base::Context) override {
      co_return base::fail(ErrorCode::unavailable, "down");
    }
  };
  Down down;
  EXPECT_EQ(StepCall({.service = &down}).health().state, Health::State::failed);
  EXPECT_EQ(StepCall({.service = &down, .fallback = &fallback_}).health().state,
            Health::State::ready);
}

TEST(StepCallTime, TheFallbackIsAskedWhenTheTimeIsOver) {
  base::EventLoop loop;
  SimulatedTime time(loop);
  SimulatedService service("s", ServiceKind::custom, {.lost = 100}, 1, &time.diary());
  SimulatedService fallback("f", ServiceKind::custom, {}, 1, &time.diary());
  fallback.script = [](const Request&) -> base::Result<Reply> { return JsonReply{.body = 1}; };
  const StepCall step{.service = &service, .fallback = &fallback, .timeout = 5s};
  Outcome<base::Result<Reply>> outcome;
  time.context().deadline = time.begun() + 10s;
  time.run(outcome, call_step(step, {.body = nullptr}, time.context(), step.until(time.context())));
  EXPECT_TRUE(outcome.value());
  EXPECT_EQ(time.diary().time(time.diary().place("start f")) - time.begun(), 5s);
}

}  // namespace
}  // namespace opaline::flow
