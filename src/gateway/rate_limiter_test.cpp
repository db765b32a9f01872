#include "gateway/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace opaline::gateway {
namespace {

using namespace std::chrono_literals;
const RateLimiter::Time kStart{};

TEST(RateLimiter, AllowsABurstAndThenOneAtATime) {
  RateLimiter limiter({.requests_per_minute = 10});
  for (int i = 0; i < 10; ++i) {
    const auto decision = limiter.take("alice", kStart);
    EXPECT_TRUE(decision.allowed) << i;
    EXPECT_EQ(decision.limit, 10);
    EXPECT_EQ(decision.remaining, 9 - i);
  }
  const auto refused = limiter.take("alice", kStart);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, 6000ms);
  EXPECT_EQ(refused.reset, 60'000ms);
  EXPECT_FALSE(limiter.take("alice", kStart + 5900ms).allowed);
  EXPECT_TRUE(limiter.take("alice", kStart + 6000ms).allowed);
  EXPECT_FALSE(limiter.take("alice", kStart + 6001ms).allowed);
}

TEST(RateLimiter, FillsNoBucketOver) {
  RateLimiter limiter({.requests_per_minute = 60, .burst = 2});
  EXPECT_TRUE(limiter.take("a", kStart).allowed);
  EXPECT_TRUE(limiter.take("a", kStart + 1h).allowed);
  EXPECT_TRUE(limiter.take("a", kStart + 1h).allowed);
  EXPECT_FALSE(limiter.take("a", kStart + 1h).allowed);
}

TEST(RateLimiter, CountsEachAlone) {
  RateLimiter limiter({.requests_per_minute = 1});
  EXPECT_TRUE(limiter.take("a", kStart).allowed);
  EXPECT_TRUE(limiter.take("b", kStart).allowed);
  EXPECT_FALSE(limiter.take("a", kStart).allowed);
}

TEST(RateLimiter, SurvivesAClockThatGoesBack) {
  RateLimiter limiter({.requests_per_minute = 60, .burst = 1});
  EXPECT_TRUE(limiter.take("a", kStart + 10s).allowed);
  EXPECT_FALSE(limiter.take("a", kStart).allowed);
  EXPECT_TRUE(limiter.take("a", kStart + 11s).allowed);
}

TEST(RateLimiter, ForgetsTheLeastRecentlyUsedFirst) {
  RateLimiter limiter({.requests_per_minute = 1}, 16);  // One bucket a shard.
  for (int i = 0; i < 1000; ++i) (void)limiter.take("peer " + std::to_string(i), kStart);
  EXPECT_LE(limiter.size(), 16u);
  EXPECT_FALSE(limiter.take("peer 999", kStart).allowed);
}

TEST(RateLimiter, LetsNoRequestSlipThroughBetweenThreads) {
  RateLimiter limiter({.requests_per_minute = 100});
  std::atomic<int> allowed = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 250; ++j) allowed += limiter.take("a", kStart).allowed ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(allowed, 100);
}

}  // namespace
}  // namespace opaline::gateway
