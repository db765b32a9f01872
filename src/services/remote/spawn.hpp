#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.hpp"

namespace opaline::services {

/// A started process and the reading end of what it writes to stdout and stderr.
struct Spawned {
  pid_t pid = 0;
  int output = -1;  ///< Close-on-exec, non-blocking; the caller closes it.
};

/// Starts `argv` by posix_spawn: leader of a new process group, stdin from /dev/null, no other file
/// of ours, default signals, and OPALINE_PARENT=<our pid> in its environment.
/// @error failed_precondition: the program cannot be executed (named); unavailable: no pipe or
/// process to be had.
[[nodiscard]] base::Result<Spawned> spawn(const std::vector<std::string>& argv);

/// The environment variable that names the parent's process id.
inline constexpr const char* kParentVariable = "OPALINE_PARENT";

/// How a process ended, for people: "exit status 1", "signal 11 (Segmentation fault)".
[[nodiscard]] std::string describe_end(int wait_status);

}  // namespace opaline::services
