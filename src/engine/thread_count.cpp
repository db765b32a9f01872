#include "engine/thread_count.hpp"

#include <algorithm>
#include <ctime>

namespace opaline::engine {
namespace {

constexpr double kShareMin = 0.85;
constexpr double kWeightOfNew = 0.25;
constexpr std::chrono::seconds kPauseMax{16};

}  // namespace

ThreadCount::Times ThreadCount::now() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return {std::chrono::steady_clock::now(),
          static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9};
}

void ThreadCount::begin_step() {
  if (max_ > 1) begin_ = now();
}

bool ThreadCount::end_step(std::size_t /*tokens*/) {
  if (max_ == 1) return false;
  const Times end = now();
  const double asked =
      std::chrono::duration<double>(end.wall - begin_.wall).count() * static_cast<double>(current_);
  if (asked <= 0) return false;
  const double share = std::min(1.0, (end.process_seconds - begin_.process_seconds) / asked);
  share_ += kWeightOfNew * (share - share_);
  if (current_ > 1 && share_ < kShareMin) {
    --current_;
    share_ = 1;
    try_more_at_ = end.wall + pause_;
    pause_ = std::min(pause_ * 2, kPauseMax);
    return true;
  }
  if (current_ < max_ && end.wall >= try_more_at_ && share_ > kShareMin) {
    ++current_;
    share_ = 1;
    return true;
  }
  if (current_ == max_ && end.wall > try_more_at_ + kPauseMax) pause_ = std::chrono::seconds(1);
  return false;
}

}  // namespace opaline::engine
