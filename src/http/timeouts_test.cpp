#include "http/timeouts.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

namespace opaline::http {
namespace {

using namespace std::chrono_literals;
using Clock = Timeouts::Clock;

struct TimeoutsTest : testing::Test {
  boost::asio::io_context loop{1};
  Timeouts timeouts{loop.get_executor(), 1ms};
  std::vector<int> fired;
  Timeouts::Entry first{timeouts, [this] { fired.push_back(1); }};
  Timeouts::Entry second{timeouts, [this] { fired.push_back(2); }};
  Clock::time_point now = Clock::now();

  void run() {
    loop.restart();
    loop.run_for(30s);
  }
};

TEST_F(TimeoutsTest, FiresInOrderOfTheDeadlines) {
  first.set(now + 20ms);
  second.set(now + 10ms);
  run();
  EXPECT_EQ(fired, (std::vector{2, 1}));
  EXPECT_GE(Clock::now(), now + 20ms);
}

TEST_F(TimeoutsTest, FiresOnceForEachTimeItIsSet) {
  first.set(now);
  run();
  run();
  first.set(now);
  run();
  EXPECT_EQ(fired, (std::vector{1, 1}));
}

TEST_F(TimeoutsTest, HeedsOnlyTheLastDeadline) {
  Clock::time_point later;
  Timeouts::Entry moved_back(timeouts, [&later] { later = Clock::now(); });
  moved_back.set(now + 5ms);
  moved_back.set(now + 30ms);
  second.set(now + 1h);
  second.set(now + 10ms);
  run();
  EXPECT_EQ(fired, (std::vector{2}));
  EXPECT_GE(later, now + 30ms);
}

TEST_F(TimeoutsTest, LetsTheLoopEndWhenNobodyWaits) {
  first.set(now + 1h);
  first.clear();
  second.set(now + 1h);
  second.set(Clock::time_point::max());
  {
    Timeouts::Entry gone(timeouts, [] { FAIL(); });
    gone.set(now + 1h);
  }
  run();
  EXPECT_LT(Clock::now(), now + 2s);
  EXPECT_TRUE(fired.empty());
  first.set(Clock::now());
  run();
  EXPECT_EQ(fired, (std::vector{1}));
}

TEST_F(TimeoutsTest, LetsAnActionDestroyItsEntry) {
  std::unique_ptr<Timeouts::Entry> owned;
  owned = std::make_unique<Timeouts::Entry>(timeouts, [&owned] { owned.reset(); });
  owned->set(now);
  run();
  EXPECT_EQ(owned, nullptr);
}

TEST_F(TimeoutsTest, RestsOnceStopped) {
  first.set(now);
  timeouts.stop();
  second.set(now);
  run();
  EXPECT_TRUE(fired.empty());
}

}  // namespace
}  // namespace opaline::http
