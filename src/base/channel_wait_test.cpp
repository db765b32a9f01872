#include "base/channel_wait.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <thread>

namespace opaline::base {
namespace {

using namespace std::chrono_literals;
using Numbers = Channel<int>;

Task<> wait_into(Result<int>& into, std::shared_ptr<Numbers> channel, Context context) {
  into = co_await next_within(std::move(channel), std::move(context));
}

/// Waits on `channel` while `meanwhile` runs on the same loop.
Result<int> wait(EventLoop& loop, std::shared_ptr<Numbers> channel, Context context,
                 std::function<void()> meanwhile = {}) {
  Result<int> result = fail(ErrorCode::internal, "it did not end");
  boost::asio::co_spawn(loop, wait_into(result, std::move(channel), std::move(context)),
                        [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  if (meanwhile) boost::asio::post(loop, std::move(meanwhile));
  loop.run_for(5s);
  return result;
}

TEST(NextWithin, GivesWhatAnotherThreadPushes) {
  EventLoop loop(1);
  const auto channel = std::make_shared<Numbers>(loop.get_executor(), 1);
  std::jthread producer([channel] { channel->push(7); });
  EXPECT_EQ(wait(loop, channel, {}), 7);
}

TEST(NextWithin, EndsAtTheDeadlineAndRefusesWhatComesLater) {
  EventLoop loop(1);
  const auto channel = std::make_shared<Numbers>(loop.get_executor(), 1);
  EXPECT_EQ(wait(loop, channel, Context().within(10ms)).error().code, ErrorCode::deadline_exceeded);
  EXPECT_FALSE(channel->push(7));
}

TEST(NextWithin, EndsWhenCancelled) {
  EventLoop loop(1);
  const auto channel = std::make_shared<Numbers>(loop.get_executor(), 1);
  const Context context;
  const auto result = wait(loop, channel, context, [&] { context.cancellation->request(); });
  EXPECT_EQ(result.error().code, ErrorCode::cancelled);
  EXPECT_FALSE(channel->push(7));
}

TEST(NextWithin, IsUnavailableWhenTheProducerLeaves) {
  EventLoop loop(1);
  const auto channel = std::make_shared<Numbers>(loop.get_executor(), 1);
  EXPECT_EQ(wait(loop, channel, {}, [&] { channel->close(); }).error().code,
            ErrorCode::unavailable);
}

}  // namespace
}  // namespace opaline::base
