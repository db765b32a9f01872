#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace opaline::app {

/// Prints "opaline: message" to stderr and returns kFailed, so that a command can `return
/// failed(error);`.
int failed(const base::Error& error);
int failed(std::string_view message);

/// Whether the stream is a terminal that a person watches.
[[nodiscard]] bool stdout_is_terminal();
[[nodiscard]] bool stderr_is_terminal();

/// `text` in bold, or as it is when stdout is not a terminal or NO_COLOR is set.
[[nodiscard]] std::string bold(std::string_view text);
[[nodiscard]] std::string dim(std::string_view text);

/// "1.5 MiB", "820 B".
[[nodiscard]] std::string readable_bytes(std::uint64_t bytes);
/// "3 s", "2 min 10 s".
[[nodiscard]] std::string readable_time(std::chrono::seconds time);
/// Control characters out, so that a document's text cannot write to the terminal.
[[nodiscard]] std::string printable(std::string_view text);
/// The first `columns` characters, with "…" when there were more.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t columns);

/// One line on stderr that shows how far long work is, at what rate, and what is left of it.
/// Redrawn at most ten times a second on a terminal; elsewhere a line every five seconds, so that a
/// log stays readable.
class ProgressLine {
 public:
  ProgressLine(std::string what, std::string unit);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(std::uint64_t done, std::uint64_t total);
  /// Clears the line, so that other output may follow.
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  std::string unit_;
  Clock::time_point started_ = Clock::now();
  Clock::time_point drawn_{};
  bool visible_ = false;
};

}  // namespace opaline::app
