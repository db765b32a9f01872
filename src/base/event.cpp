#include "base/event.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/cancellation.hpp"

namespace opaline::base {

namespace asio = boost::asio;

namespace {
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
}

void Event::notify_all() {
  for (Timer* waiter : waiters_) waiter->cancel();
}

Task<bool> Event::wait(Clock::time_point deadline) {
  Timer timer(executor_, deadline);
  const auto place = waiters_.insert(waiters_.end(), &timer);
  auto [error] = co_await timer.async_wait(kAwait);
  waiters_.erase(place);
  co_return error == asio::error::operation_aborted;
}

Task<> sleep_for(Clock::duration duration, std::shared_ptr<Cancellation> cancellation) {
  Timer timer(co_await asio::this_coro::executor, duration);
  Cancellation::Registration stop;
  if (cancellation) {
    if (cancellation->requested()) co_return;
    stop = cancellation->on_request([&timer] { timer.cancel(); });
  }
  co_await timer.async_wait(kAwait);
}

}  // namespace opaline::base
