#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace opaline::engine {

/// A program to run to its end. Its standard input is empty; what it prints is captured.
struct ChildProcess {
  std::vector<std::string> arguments;  ///< The program first, found by PATH.
  std::vector<std::pair<std::string, std::string>> environment;  ///< In addition to ours.
  std::function<void()> on_tick;    ///< About every 200 ms while it runs. May be empty.
  std::function<bool()> cancelled;  ///< Asked as often: true ends it. May be empty.
};

struct ChildOutcome {
  int exit_code = 0;   ///< 128 + n when signal n ended it.
  std::string output;  ///< The last 64 KiB of what it printed.
};

/// Blocks until the child ended. @error not_found: there is no such program; cancelled;
/// unavailable: no process could be made.
[[nodiscard]] base::Result<ChildOutcome> run_child(const ChildProcess& child);

}  // namespace opaline::engine
