#include "services/dataprep/crash_point.hpp"

#include <signal.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string>

namespace opaline::services::dataprep {
namespace {

struct Target {
  std::string name;
  std::atomic<int> passes_left = 0;

  Target() {
    const char* text = std::getenv("OPALINE_CRASH_POINT");
    if (text == nullptr) return;
    const std::string_view wanted = text;
    const auto colon = wanted.find(':');
    int passes = 1;
    if (colon != std::string_view::npos)
      std::from_chars(wanted.data() + colon + 1, wanted.data() + wanted.size(), passes);
    name = wanted.substr(0, colon);
    passes_left = passes;
  }
};

}  // namespace

void crash_point(std::string_view name) {
  // The environment is the process's, and so is this: it is read once.
  static Target target;
  if (target.name.empty() || target.name != name) return;
  if (target.passes_left.fetch_sub(1) == 1) ::raise(SIGKILL);
}

}  // namespace opaline::services::dataprep
