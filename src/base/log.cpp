#include "base/log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

#include "base/json_text.hpp"

namespace opaline::base {
namespace {

std::atomic<LogLevel> lowest = LogLevel::info;

constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};

struct Print {
  std::string& line;
  void operator()(std::string_view text) const { append_json_string(line, text); }
  void operator()(std::int64_t number) const {
    fmt::format_to(std::back_inserter(line), "{}", number);
  }
  void operator()(double number) const {
    fmt::format_to(std::back_inserter(line), "{:.6g}", number);
  }
  void operator()(bool truth) const { line += truth ? "true" : "false"; }
};

}  // namespace

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (level < lowest.load(std::memory_order_relaxed)) return;
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto ms = now.time_since_epoch().count() % 1000;
  std::string line = fmt::format("{{\"time\":\"{:%FT%T}.{:03}Z\",\"level\":\"{}\",\"event\":",
                                 fmt::gmtime(std::chrono::floor<std::chrono::seconds>(now)), ms,
                                 kNames[static_cast<int>(level)]);
  append_json_string(line, event);
  for (const LogField& field : fields) {
    line += ',';
    append_json_string(line, field.key);
    line += ':';
    std::visit(Print{line}, field.value);
  }
  line += "}\n";
  // One write keeps lines whole between threads; a full or closed stderr must not stop the server.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void log_exception(std::string_view event, const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    log(LogLevel::error, event, {{"error", error.what()}});
  } catch (...) {
    log(LogLevel::error, event, {{"error", "unknown exception"}});
  }
}

void set_log_level(LogLevel level) { lowest.store(level, std::memory_order_relaxed); }

bool set_log_level(std::string_view level) {
  for (int i = 0; i < 4; ++i) {
    if (kNames[i] == level) {
      set_log_level(static_cast<LogLevel>(i));
      return true;
    }
  }
  return false;
}

}  // namespace opaline::base
