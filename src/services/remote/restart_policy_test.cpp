#include "services/remote/restart_policy.hpp"

#include <gtest/gtest.h>

namespace opaline::services {
namespace {

using namespace std::chrono_literals;

TEST(RestartPolicy, WaitsLongerEachTimeUpToALimit) {
  RestartPolicy policy({});
  std::vector<std::int64_t> delays;
  for (int i = 0; i < 9; ++i) {
    delays.push_back(
        std::chrono::duration_cast<std::chrono::milliseconds>(policy.ended(1s)).count());
  }
  EXPECT_EQ(delays,
            (std::vector<std::int64_t>{100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000}));
}

TEST(RestartPolicy, AStableRunForgetsTheFailures) {
  RestartPolicy policy({});
  for (int i = 0; i < 6; ++i) (void)policy.ended(1s);
  EXPECT_TRUE(policy.hopeless());
  EXPECT_EQ(policy.ended(30s), 100ms);
  EXPECT_FALSE(policy.hopeless());
  EXPECT_EQ(policy.failures(), 1);
}

TEST(RestartPolicy, IsHopelessAfterQuickFailuresInARow) {
  RestartPolicy policy({.failures_max = 2});
  (void)policy.ended(1s);
  EXPECT_FALSE(policy.hopeless());
  (void)policy.ended(29s);
  EXPECT_TRUE(policy.hopeless());
}

}  // namespace
}  // namespace opaline::services
