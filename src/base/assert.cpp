#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace opaline::base {

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "opaline: %s:%d: this must hold: %s\n", file, line, condition);
  std::abort();
}

}  // namespace opaline::base
