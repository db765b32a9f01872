/// @file
/// The log: JSON lines on the standard error output.
#pragma once

namespace opaline {

/// How important a line of the log is.
enum class LogLevel {
  debug,    ///< Also each request, and the text of questions.
  info,     ///< Also queries, as they come and as they end.
  warning,  ///< What failed, and whose fault it was.
  error,    ///< Our faults, and exceptions of the application.
};

/// Lines below `level` are dropped. Default: info. Any thread.
void set_log_level(LogLevel level);

}  // namespace opaline
