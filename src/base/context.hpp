#pragma once

#include <memory>
#include <string>

#include "base/attempt_budget.hpp"
#include "base/cancellation.hpp"
#include "base/clock.hpp"
#include "base/trace.hpp"

namespace opaline::base {

/// What travels with a request through every step: who asks, how long it may take, how to stop it,
/// and the trace it belongs to. A value: copying it shares the cancellation and the budget of extra
/// attempts, which belong to all copies.
struct Context {
  using Clock = base::Clock;

  std::string request_id;  ///< Ours, or the client's X-Request-Id when it is well formed.
  TraceContext trace;      ///< W3C trace context; children get a new span id.
  Clock::time_point deadline = Clock::time_point::max();
  std::shared_ptr<Cancellation> cancellation = Cancellation::create();
  std::shared_ptr<AttemptBudget> extra_attempts = std::make_shared<AttemptBudget>();
  std::string tenant = "default";
  std::string principal = "anonymous";
  /// Keeps what the request runs in; may be null. Owners: who answers the request, and work that
  /// outlives it, to its end.
  std::shared_ptr<const void> lease;

  /// Time left, never negative; `Clock::duration::max()` without a deadline.
  [[nodiscard]] Clock::duration remaining() const;
  [[nodiscard]] bool expired() const { return remaining() <= Clock::duration::zero(); }
  [[nodiscard]] bool cancelled() const { return cancellation->requested(); }

  /// The same context with at most `limit` left.
  [[nodiscard]] Context within(Clock::duration limit) const;
  /// The same context one span deeper, for a call to another process.
  [[nodiscard]] Context child() const;
};

}  // namespace opaline::base
