#include "engine/engine_log.hpp"

#include <llama.h>

#include <mutex>
#include <string_view>

#include "base/log.hpp"

namespace opaline::engine {
namespace {

void take_line(ggml_log_level /*level*/, const char* text, void* /*unused*/) {
  std::string_view line(text == nullptr ? "" : text);
  while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  // Progress dots and empty lines.
  if (line.size() < 2) return;
  base::log(base::LogLevel::debug, "llama", {{"text", line}});
}

}  // namespace

void route_engine_log() {
  static std::once_flag
      once;  // The callback is process-wide in llama.cpp, and setting it is not thread-safe.
  std::call_once(once, [] { llama_log_set(take_line, nullptr); });
}

}  // namespace opaline::engine
