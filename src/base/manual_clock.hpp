#pragma once

#include <chrono>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/task.hpp"

namespace opaline::base {

/// For tests. The time of the thread that made it, for as long as it lives: it stands still while
/// anything can run, and then jumps to the next moment that something waits for. So backoffs,
/// timeouts and deadlines are kept to the nanosecond, and no real time passes.
class ManualClock final : private Clock::Source {
 public:
  static constexpr Clock::time_point kBegin{std::chrono::hours(1)};

  ManualClock() : before_(Clock::use(this)) {}
  ~ManualClock() { OPALINE_ASSERT(Clock::use(before_) == this); }
  ManualClock(const ManualClock&) = delete;
  ManualClock& operator=(const ManualClock&) = delete;

  [[nodiscard]] Clock::time_point now() const noexcept override { return now_; }

  /// Runs `loop`, the only one of this thread, until `done()`, or until nothing of it could run
  /// before `end`: then it is `end`, or earlier when nothing waits for a time at all.
  template <class Done>
  void run(EventLoop& loop, Done done, Clock::time_point end = Clock::time_point::max()) {
    for (;;) {
      next_ = Clock::time_point::max();
      loop.restart();
      loop.poll();
      if (done() || next_ == Clock::time_point::max()) return;
      if (next_ > end) {
        now_ = end;
        return;
      }
      OPALINE_ASSERT(next_ > now_);
      now_ = next_;
    }
  }

 private:
  void idle_until(Clock::time_point time) override { next_ = time; }

  Clock::Source* const before_;
  Clock::time_point now_ = kBegin;
  Clock::time_point next_ = Clock::time_point::max();
};

}  // namespace opaline::base
