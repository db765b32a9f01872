#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <thread>

#include "base/channel.hpp"
#include "base/context.hpp"
#include "base/event.hpp"
#include "base/result.hpp"
#include "base/task_group.hpp"
#include "base/worker_pool.hpp"

namespace opaline::base {
namespace {

using namespace std::chrono_literals;

/// Runs a task on a loop of its own to its end; what it throws fails the test.
void run(Task<> task) {
  EventLoop loop(1);
  boost::asio::co_spawn(loop, std::move(task), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  loop.run_for(5s);
}

Result<int> half(int n) {
  if (n % 2 != 0) return fail(ErrorCode::invalid_argument, "odd");
  return n / 2;
}

Result<int> quarter(int n) {
  OPALINE_TRY(const int first, half(n));
  OPALINE_TRY(const int second, half(first));
  return second;
}

TEST(Result, TryPassesTheErrorOn) {
  EXPECT_EQ(quarter(8), 2);
  EXPECT_EQ(quarter(6).error().message, "odd");
}

Task<> resumes_on_its_own_thread(bool* done) {
  WorkerPool pool(1);
  const auto mine = std::this_thread::get_id();
  const auto theirs = co_await pool.run([] { return std::this_thread::get_id(); });
  EXPECT_NE(mine, theirs);
  EXPECT_EQ(mine, std::this_thread::get_id());
  co_await pool.run([] {});
  *done = true;
}

TEST(WorkerPool, RunsElsewhereAndResumesHere) {
  bool done = false;
  run(resumes_on_its_own_thread(&done));
  EXPECT_TRUE(done);
}

Task<> drains_what_was_pushed(bool* done) {
  auto channel = std::make_shared<Channel<int>>(co_await boost::asio::this_coro::executor, 2);
  std::jthread producer([channel] {
    EXPECT_TRUE(channel->push(1));
    while (!channel->push(2)) {
    }
    channel->close();
    EXPECT_FALSE(channel->push(3));
  });
  EXPECT_EQ(co_await channel->next(), 1);
  EXPECT_EQ(co_await channel->next(), 2);
  EXPECT_EQ(co_await channel->next(), std::nullopt);
  *done = true;
}

TEST(Channel, BringsItemsInOrderAndThenEnds) {
  bool done = false;
  run(drains_what_was_pushed(&done));
  EXPECT_TRUE(done);
}

TEST(Channel, RefusesWhenFull) {
  EventLoop loop(1);
  Channel<int> channel(loop.get_executor(), 1);
  EXPECT_TRUE(channel.push(1));
  EXPECT_FALSE(channel.push(2));
}

Task<> takes_a_callback(bool* done) {
  std::jthread other;
  const std::string text =
      co_await from_callback<std::string>([&other](std::function<void(std::string)> deliver) {
        other = std::jthread([deliver = std::move(deliver)] { deliver("from there"); });
      });
  EXPECT_EQ(text, "from there");
  *done = true;
}

TEST(FromCallback, ResumesWithTheValue) {
  bool done = false;
  run(takes_a_callback(&done));
  EXPECT_TRUE(done);
}

Task<> waits(Event* event, bool* woken) { *woken = co_await event->wait(); }

Task<> group_waits_for_all(bool* done) {
  auto executor = co_await boost::asio::this_coro::executor;
  TaskGroup group(executor);
  Event event(executor);
  bool woken = false;
  EXPECT_TRUE(group.spawn(waits(&event, &woken)));
  boost::asio::post(executor, [&event] { event.notify_all(); });
  co_await group.close();
  EXPECT_TRUE(woken);
  EXPECT_FALSE(group.spawn(waits(&event, &woken)));
  EXPECT_FALSE(co_await event.wait(std::chrono::steady_clock::now()));
  *done = true;
}

TEST(TaskGroup, ClosesWhenTheLastTaskEnded) {
  bool done = false;
  run(group_waits_for_all(&done));
  EXPECT_TRUE(done);
}

Task<> sleeper(std::shared_ptr<Cancellation> cancellation, bool* done) {
  co_await sleep_for(1h, cancellation);
  *done = true;
}

TEST(SleepFor, EndsWhenCancelled) {
  EventLoop loop(1);
  auto cancellation = Cancellation::create();
  bool done = false;
  boost::asio::co_spawn(loop, sleeper(cancellation, &done), [](const std::exception_ptr&) {});
  boost::asio::post(loop, [cancellation] { cancellation->request(); });
  loop.run_for(5s);
  EXPECT_TRUE(done);
}

TEST(Context, KeepsTheEarlierDeadline) {
  Context context;
  EXPECT_EQ(context.remaining(), Context::Clock::duration::max());
  const Context shorter = context.within(1h).within(2h);
  EXPECT_LE(shorter.remaining(), 1h);
  EXPECT_TRUE(context.within(-1s).expired());
}

}  // namespace
}  // namespace opaline::base
