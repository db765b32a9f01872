#pragma once

#include <string>
#include <vector>

#include "app/settings.hpp"

namespace opaline::app {

/// One thing that was looked at.
struct Finding {
  enum class State { good, warning, bad } state = State::good;
  std::string subject;  ///< "CPU".
  std::string message;  ///< What was seen.
  std::string remedy;   ///< What to do about it; empty when good.
};

[[nodiscard]] std::string_view name(Finding::State state);

/// Looks at this machine: processor, memory, data folder, disk, models, the programs that are
/// called. Starts nothing that lasts; the processor's levels are tried in child processes.
[[nodiscard]] std::vector<Finding> diagnose_machine(const PlaceOptions& places);

}  // namespace opaline::app
