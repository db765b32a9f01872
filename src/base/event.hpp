#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <list>
#include <memory>

#include "base/clock.hpp"
#include "base/task.hpp"

namespace opaline::base {

class Cancellation;

/// Lets coroutines of one event loop wait for one another. Not for use across threads (see
/// Channel).
class Event {
 public:
  explicit Event(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// Wakes every waiter. Without a waiter it does nothing: check the state before waiting.
  void notify_all();
  /// Suspends until the next notify_all(), but no longer than until `deadline`.
  /// @return false when the deadline came first.
  Task<bool> wait(Clock::time_point deadline = Clock::time_point::max());

 private:
  boost::asio::any_io_executor executor_;
  std::list<Timer*> waiters_;  // Each lives in its waiter's frame.
};

/// Suspends for `duration`, or until `cancellation` (may be null) asks to stop.
Task<> sleep_for(Clock::duration duration, std::shared_ptr<Cancellation> cancellation);

}  // namespace opaline::base
