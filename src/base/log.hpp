#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace opaline::base {

enum class LogLevel { debug, info, warning, error };

/// One named value of a log line.
struct LogField {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  template <std::integral I>
    requires(!std::same_as<I, bool>)
  LogField(std::string_view k, I v) : key(k), value(static_cast<std::int64_t>(v)) {}
};

/// Writes one JSON object on one line to stderr: {"time","level","event",…fields}. The log is the
/// one thing that belongs to the process and not to an object, because a line must be possible from
/// anywhere. Any thread.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

/// A fault that came as an exception: logged with its text at level error.
void log_exception(std::string_view event, const std::exception_ptr& thrown);

/// Lines below `level` are dropped. Default info.
void set_log_level(LogLevel level);
/// "debug", "info", "warning" or "error"; false for any other text, which changes nothing.
bool set_log_level(std::string_view level);

}  // namespace opaline::base
