#include "contract/dataprep.hpp"

#include <array>

namespace opaline::contract {
namespace {

constexpr std::array<std::string_view, 10> kNames = {
    "queued",    "parsing", "chunking", "embedding", "indexing", "ready", "ready_with_warnings",
    "unchanged", "failed",  "cancelled"};

}  // namespace

std::string_view name(JobState state) { return kNames[static_cast<std::size_t>(state)]; }

std::optional<JobState> job_state(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<JobState>(i);
  }
  return {};
}

bool final(JobState state) { return state >= JobState::ready; }

}  // namespace opaline::contract
