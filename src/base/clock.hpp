#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>

namespace opaline::base {

/// The time of deadlines and waits: steady_clock's, and its time points. A test may give a thread
/// another (see ManualClock), so that what waits is tested without waiting.
struct Clock {
  using time_point = std::chrono::steady_clock::time_point;
  using duration = time_point::duration;
  using rep = duration::rep;
  using period = duration::period;
  static constexpr bool is_steady = true;

  [[nodiscard]] static time_point now() noexcept;

  /// For tests. Where a thread's time comes from.
  class Source {
   public:
    [[nodiscard]] virtual time_point now() const noexcept = 0;
    /// An event loop of this thread has nothing to do before `time`.
    virtual void idle_until(time_point time) = 0;

   protected:
    ~Source() = default;
  };
  /// @param source of the calling thread from now on; null: steady_clock. @return the one before.
  static Source* use(Source* source);
};

/// How long an event loop sleeps for a Timer: with a source of time other than steady_clock not at
/// all.
struct ClockWait {
  static Clock::duration to_wait_duration(const Clock::duration& left);
  static Clock::duration to_wait_duration(const Clock::time_point& time) {
    return to_wait_duration(time - Clock::now());
  }
};

/// What base's waits are made of.
using Timer = boost::asio::basic_waitable_timer<Clock, ClockWait>;

}  // namespace opaline::base
