#include "flow/step_stream.hpp"

#include <gtest/gtest.h>

#include "flow/scripted_service.hpp"

namespace opaline::flow {
namespace {

class StepStreamTest : public ::testing::Test {
 protected:
  std::unique_ptr<StepStream> stream(std::optional<base::Error> error, StepObserver observer,
                                     Findings before = {}) {
    return std::make_unique<StepStream>(
        std::make_unique<ScriptedStream>(std::vector<std::string>{"a"}, std::move(error),
                                         &journal_),
        StepStream::Step{.name = "llm", .started = std::chrono::steady_clock::now()},
        std::move(observer), cancellation_, std::move(before));
  }
  StepObserver observer() {
    return [this](const StepReport& report) {
      EXPECT_EQ(report.step, "llm");
      EXPECT_EQ(report.kind, contract::ServiceKind::llm);
      EXPECT_GE(report.took.count(), 0);
      journal_.push_back(report.error ? std::string(base::name(report.error->code)) : "good");
    };
  }
  base::Result<contract::ChatDelta> next(contract::ChatStream& from) {
    Outcome<base::Result<contract::ChatDelta>> delta;
    delta.of(loop_, from.next());
    settle(loop_);
    return delta.value();
  }

  base::EventLoop loop_;
  Journal journal_;
  std::shared_ptr<base::Cancellation> cancellation_ = base::Cancellation::create();
};

TEST_F(StepStreamTest, CompletesAndReportsItsEndOnce) {
  Findings before;
  before.warnings = {"slow"};
  {
    const auto made = stream(std::nullopt, observer(), before);
    EXPECT_EQ(next(*made)->text, "a");
    EXPECT_TRUE(journal_.empty());
    EXPECT_EQ(next(*made)->end->warnings, std::vector<std::string>{"slow"});
  }
  EXPECT_EQ(journal_, (Journal{"good", "stream gone"}));
  EXPECT_FALSE(cancellation_->requested());
}

TEST_F(StepStreamTest, ReportsAnErrorOnce) {
  {
    const auto made = stream(base::Error{base::ErrorCode::internal, "it broke", "why"}, observer());
    EXPECT_TRUE(next(*made));
    EXPECT_EQ(next(*made).error(),
              step_error("llm", {base::ErrorCode::internal, "it broke", "why"}));
  }
  EXPECT_EQ(journal_, (Journal{"internal", "stream gone"}));
}

TEST_F(StepStreamTest, CancelsWhenItIsDropped) {
  stream(std::nullopt, observer()).reset();
  EXPECT_EQ(journal_, (Journal{"cancelled", "stream gone"}));
  EXPECT_TRUE(cancellation_->requested());
}

TEST_F(StepStreamTest, NeedsNoObserver) {
  const auto made = stream(std::nullopt, nullptr);
  EXPECT_TRUE(next(*made));
  EXPECT_TRUE(next(*made)->end);
}

TEST_F(StepStreamTest, HoldsTheTieToTheRequestsCancellation) {
  const auto request = base::Cancellation::create();
  auto made = stream(std::nullopt, observer());
  made->keep(request->on_request([this] { cancellation_->request(); }));
  request->request();
  EXPECT_TRUE(cancellation_->requested());
}

TEST(StepError, NamesTheStepWithThoseAroundIt) {
  const base::Error inner =
      step_error("b", {.code = base::ErrorCode::internal, .message = "why", .detail = {}});
  EXPECT_EQ(inner.step, "b");
  const base::Error outer = step_error("a", inner);
  EXPECT_EQ(outer.step, "a.b");
  EXPECT_EQ(outer.message, "step 'a': step 'b': why");
}

}  // namespace
}  // namespace opaline::flow
