#include "base/clock.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <vector>

#include "base/context.hpp"
#include "base/event.hpp"
#include "base/manual_clock.hpp"

namespace opaline::base {
namespace {

using namespace std::chrono_literals;

const auto kNever = [] { return false; };

class ManualClockTest : public testing::Test {
 protected:
  void spawn(Task<> task) { boost::asio::co_spawn(loop_, std::move(task), boost::asio::detached); }
  Task<> sleeper(Clock::duration time, std::shared_ptr<Cancellation> cancellation = nullptr) {
    co_await sleep_for(time, std::move(cancellation));
    woke_.push_back(clock_.now() - begun_);
  }
  Task<> twice() {
    co_await sleep_for(3s, nullptr);
    co_await sleeper(4s);
  }

  EventLoop loop_;
  ManualClock clock_;
  const Clock::time_point begun_ = clock_.now();
  std::vector<Clock::duration> woke_;
};

TEST_F(ManualClockTest, WaitsEndAtTheirTimeAndNoTimePasses) {
  const auto real = std::chrono::steady_clock::now();
  spawn(sleeper(5h));
  spawn(sleeper(2s));
  spawn(twice());
  clock_.run(loop_, kNever);
  EXPECT_EQ(woke_, (std::vector<Clock::duration>{2s, 7s, 5h}));
  EXPECT_LT(std::chrono::steady_clock::now() - real, 5s);
}

TEST_F(ManualClockTest, GoesNoFurtherThanItIsTold) {
  spawn(sleeper(5s));
  clock_.run(loop_, kNever, begun_ + 4s);
  EXPECT_TRUE(woke_.empty());
  EXPECT_EQ(clock_.now(), begun_ + 4s);
  clock_.run(loop_, [this] { return !woke_.empty(); });
  EXPECT_EQ(clock_.now(), begun_ + 5s);
}

TEST_F(ManualClockTest, AWaitThatIsCancelledIsWaitedForNoMore) {
  auto cancellation = Cancellation::create();
  spawn(sleeper(5s, cancellation));
  clock_.run(loop_, kNever, begun_ + 1s);
  cancellation->request();
  clock_.run(loop_, kNever);
  EXPECT_EQ(woke_, std::vector<Clock::duration>{1s});
}

TEST_F(ManualClockTest, DeadlinesAreOfThisTime) {
  const Context context = Context().within(10s);
  spawn(sleeper(4s));
  clock_.run(loop_, kNever);
  EXPECT_EQ(context.remaining(), 6s);
}

TEST_F(ManualClockTest, AnEventIsWaitedForNoLongerThanItsDeadline) {
  Event event(loop_.get_executor());
  std::vector<bool> notified;
  const auto waits = [](Event& event, Clock::time_point until,
                        std::vector<bool>& notified) -> Task<> {
    notified.push_back(co_await event.wait(until));
  };
  spawn(waits(event, begun_ + 3s, notified));
  spawn(waits(event, Clock::time_point::max(), notified));
  clock_.run(loop_, kNever);
  EXPECT_EQ(notified, std::vector<bool>{false});
  EXPECT_EQ(clock_.now(), begun_ + 3s);
  event.notify_all();
  clock_.run(loop_, kNever);
  EXPECT_EQ(notified, (std::vector<bool>{false, true}));
}

TEST(Clock, IsSteadyClocksWithoutAnother) {
  const auto before = std::chrono::steady_clock::now();
  {
    const ManualClock other;
  }
  EXPECT_GE(Clock::now(), before);
  EXPECT_LE(Clock::now(), std::chrono::steady_clock::now());
}

}  // namespace
}  // namespace opaline::base
