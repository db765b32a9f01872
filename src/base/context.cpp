#include "base/context.hpp"

#include <algorithm>

namespace opaline::base {

Context::Clock::duration Context::remaining() const {
  if (deadline == Clock::time_point::max()) return Clock::duration::max();
  return std::max(deadline - Clock::now(), Clock::duration::zero());
}

Context Context::within(Clock::duration limit) const {
  Context shorter = *this;
  shorter.deadline = std::min(deadline, Clock::now() + limit);
  return shorter;
}

Context Context::child() const {
  Context deeper = *this;
  deeper.trace = trace.child();
  return deeper;
}

}  // namespace opaline::base
