#pragma once

#include <boost/asio/this_coro.hpp>
#include <memory>
#include <utility>

#include "base/channel.hpp"
#include "base/clock.hpp"
#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

namespace opaline::base {

/// The next item of `channel`, waited for no longer than `context` allows. When the deadline or the
/// cancellation comes first the channel is closed, so that what its producer still pushes is
/// refused and dropped.
/// @error deadline_exceeded, cancelled; unavailable: the producer closed the channel without an
/// item.
template <class T>
Task<Result<T>> next_within(std::shared_ptr<Channel<T>> channel, Context context) {
  const auto registration = context.cancellation->on_request([channel] { channel->close(); });
  Timer timer(co_await boost::asio::this_coro::executor);
  if (context.deadline != Context::Clock::time_point::max()) {
    timer.expires_at(context.deadline);
    timer.async_wait([channel](boost::system::error_code error) {
      if (!error) channel->close();
    });
  }
  std::optional<T> item = co_await channel->next();
  if (item) co_return std::move(*item);
  if (context.cancelled()) co_return fail(ErrorCode::cancelled, "the caller left");
  if (context.expired())
    co_return fail(ErrorCode::deadline_exceeded, "the time given was too short");
  co_return fail(ErrorCode::unavailable, "it ended without an answer");
}

}  // namespace opaline::base
