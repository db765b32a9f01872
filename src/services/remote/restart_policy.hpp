#pragma once

#include <algorithm>
#include <chrono>

namespace opaline::services {

/// When a process that ended is started again: first soon, then later and later; a run that lasted
/// makes it forget the failures before. Pure: told what happened, asked what to do.
class RestartPolicy {
 public:
  using Duration = std::chrono::steady_clock::duration;

  struct Settings {
    Duration delay_first = std::chrono::milliseconds(100);
    Duration delay_max = std::chrono::seconds(10);
    Duration stable = std::chrono::seconds(30);  ///< A run this long was no failure to start.
    int failures_max = 5;                        ///< Quick failures in a row that make it hopeless.
  };

  explicit RestartPolicy(Settings settings) : settings_(settings), delay_(settings.delay_first) {}

  /// The process ended after `ran`. @return how long to wait before the next start.
  Duration ended(Duration ran) {
    if (ran >= settings_.stable) {
      failures_ = 0;
      delay_ = settings_.delay_first;
    }
    ++failures_;
    const Duration delay = delay_;
    delay_ = std::min(delay_ * 2, settings_.delay_max);
    return delay;
  }

  /// Quick failures in a row.
  [[nodiscard]] int failures() const { return failures_; }
  /// It is still started again, at the longest delay, but nobody should wait for it.
  [[nodiscard]] bool hopeless() const { return failures_ >= settings_.failures_max; }

 private:
  Settings settings_;
  Duration delay_;
  int failures_ = 0;
};

}  // namespace opaline::services
