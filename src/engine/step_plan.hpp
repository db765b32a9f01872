#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

namespace opaline::engine {

/// Divides a step of the generator among answers and prompts: each answer gets its one token,
/// prompts get slices that keep the step short, the oldest first. Learns from past steps how many
/// tokens that is. Pure; no clock of its own.
class StepPlan {
 public:
  /// What one generation wants computed.
  struct Part {
    std::size_t tokens = 0;
    bool in_prompt = false;
  };

  /// @param parts oldest first. @return how many tokens of each to compute now; together at most
  /// `tokens_max`, at least 1.
  [[nodiscard]] std::vector<std::size_t> divide(std::span<const Part> parts,
                                                std::size_t tokens_max) const;
  /// A step of `tokens` took `time`.
  void learn(std::size_t tokens, std::chrono::nanoseconds time);

 private:
  double prompt_tokens_per_second_ = 300;
};

}  // namespace opaline::engine
