#include "engine/step_plan.hpp"

#include <algorithm>

namespace opaline::engine {
namespace {

// How long a step may take: while answers are written, so that each of them flows; else, so that a
// newcomer need not wait.
constexpr double kStepSecondsBesideAnswers = 0.04;
constexpr double kStepSecondsAlone = 0.25;
constexpr std::size_t kSliceMin = 8;   // Less would read all weights for next to nothing.
constexpr std::size_t kLearnFrom = 8;  // Smaller steps cost about the same whatever their size.
constexpr double kWeightOfNew = 0.3;

}  // namespace

std::vector<std::size_t> StepPlan::divide(std::span<const Part> parts,
                                          std::size_t tokens_max) const {
  std::vector<std::size_t> counts(parts.size());
  std::size_t left = tokens_max;
  std::size_t answers = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].in_prompt || left == 0) continue;
    counts[i] = std::min(parts[i].tokens, left);
    left -= counts[i];
    answers += counts[i];
  }
  const double seconds = answers > 0 ? kStepSecondsBesideAnswers : kStepSecondsAlone;
  const auto in_time = static_cast<std::size_t>(prompt_tokens_per_second_ * seconds);
  left = std::min(left, std::max(kSliceMin, in_time > answers ? in_time - answers : 0));
  for (std::size_t i = 0; i < parts.size() && left > 0; ++i) {
    if (!parts[i].in_prompt) continue;
    counts[i] = std::min(parts[i].tokens, left);
    left -= counts[i];
  }
  return counts;
}

void StepPlan::learn(std::size_t tokens, std::chrono::nanoseconds time) {
  if (tokens < kLearnFrom || time.count() <= 0) return;
  const double rate = static_cast<double>(tokens) / std::chrono::duration<double>(time).count();
  prompt_tokens_per_second_ += kWeightOfNew * (rate - prompt_tokens_per_second_);
}

}  // namespace opaline::engine
