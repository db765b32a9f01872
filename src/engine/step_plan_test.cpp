#include "engine/step_plan.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace opaline::engine {
namespace {

using Counts = std::vector<std::size_t>;
using Part = StepPlan::Part;

std::size_t sum(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::size_t{0});
}

void teach(StepPlan& plan, double tokens_per_second) {
  for (int i = 0; i < 50; ++i)
    plan.learn(100,
               std::chrono::nanoseconds(static_cast<std::int64_t>(100 / tokens_per_second * 1e9)));
}

TEST(StepPlan, GivesEachAnswerItsToken) {
  StepPlan plan;
  const std::vector<Part> parts = {{1, false}, {1, false}, {1, false}};
  EXPECT_EQ(plan.divide(parts, 512), (Counts{1, 1, 1}));
}

TEST(StepPlan, SlicesALongPromptBesideAnswers) {
  StepPlan plan;
  teach(plan, 1000);
  const std::vector<Part> parts = {{1, false}, {5000, true}};
  const Counts counts = plan.divide(parts, 512);
  EXPECT_EQ(counts[0], 1U);
  EXPECT_NEAR(static_cast<double>(counts[1]), 39, 2);  // 40 ms at 1000 tokens a second.
}

TEST(StepPlan, TakesLargerSlicesWhenNobodyReads) {
  StepPlan plan;
  teach(plan, 1000);
  const std::vector<Part> parts = {{5000, true}};
  EXPECT_NEAR(static_cast<double>(plan.divide(parts, 512)[0]), 250, 5);
  teach(plan, 10'000);
  EXPECT_EQ(plan.divide(parts, 512)[0], 512U);
}

TEST(StepPlan, ServesTheOldestPromptFirst) {
  StepPlan plan;
  teach(plan, 1000);
  const std::vector<Part> parts = {{100, true}, {100, true}, {100, true}};
  const Counts counts = plan.divide(parts, 512);
  EXPECT_EQ(counts[0], 100U);
  EXPECT_EQ(counts[1], 100U);
  EXPECT_LT(counts[2], 100U);
}

TEST(StepPlan, AlwaysGoesOn) {
  StepPlan plan;
  teach(plan, 1);  // A machine that can hardly move.
  const std::vector<Part> parts = {{5000, true}};
  EXPECT_GE(plan.divide(parts, 512)[0], 1U);
  const std::vector<Part> both = {{1, false}, {5000, true}};
  EXPECT_GE(plan.divide(both, 512)[1], 1U);
}

TEST(StepPlan, NeverExceedsTheBatch) {
  StepPlan plan;
  teach(plan, 1e9);
  std::vector<Part> parts(20, {1, false});
  parts.push_back({5000, true});
  EXPECT_EQ(sum(plan.divide(parts, 64)), 64U);
  EXPECT_EQ(sum(plan.divide(parts, 8)), 8U);
}

}  // namespace
}  // namespace opaline::engine
