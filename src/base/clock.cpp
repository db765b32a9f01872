#include "base/clock.hpp"

#include <utility>

namespace opaline::base {
namespace {

thread_local Clock::Source* of_this_thread = nullptr;

}  // namespace

Clock::time_point Clock::now() noexcept {
  return of_this_thread == nullptr ? std::chrono::steady_clock::now() : of_this_thread->now();
}

Clock::Source* Clock::use(Source* source) { return std::exchange(of_this_thread, source); }

Clock::duration ClockWait::to_wait_duration(const Clock::duration& left) {
  if (of_this_thread == nullptr) return left;
  // Asio asks when it is about to sleep until its next timer.
  const Clock::time_point now = of_this_thread->now();
  of_this_thread->idle_until(left > Clock::time_point::max() - now ? Clock::time_point::max()
                                                                   : now + left);
  return Clock::duration::zero();
}

}  // namespace opaline::base
