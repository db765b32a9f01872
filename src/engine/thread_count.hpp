#pragma once

#include <chrono>
#include <cstddef>

namespace opaline::engine {

/// How many threads to compute with. llama.cpp's threads wait for each other by spinning after
/// every operation: when the system takes a core away, all of them stand still and the whole
/// collapses to a fraction of one thread's speed. So a step whose threads got less of the processor
/// than they asked for lowers the count, and quiet times raise it again.
class ThreadCount {
 public:
  explicit ThreadCount(std::size_t threads_max) : max_(threads_max), current_(threads_max) {}

  [[nodiscard]] std::size_t current() const { return current_; }
  void begin_step();
  /// @return whether current() has changed.
  [[nodiscard]] bool end_step(std::size_t tokens);

 private:
  struct Times {
    std::chrono::steady_clock::time_point wall;
    double process_seconds = 0;
  };
  [[nodiscard]] static Times now();

  std::size_t max_;
  std::size_t current_;
  Times begin_;
  double share_ = 1;  // Of the processor time asked for, lately.
  std::chrono::steady_clock::time_point try_more_at_{};
  std::chrono::seconds pause_{1};
};

}  // namespace opaline::engine
