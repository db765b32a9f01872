/// @file
/// The log: JSON lines on the standard error output.
#pragma once

namespace opaline {

/// How important a line of the log is.
enum class LogLevel { debug, info, warning, error };

/// Lines below `level` are dropped. Default: info, which is two lines a request. Any thread.
void set_log_level(LogLevel level);

}  // namespace opaline
