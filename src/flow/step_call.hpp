#pragma once

#include <chrono>
#include <optional>

#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "contract/service.hpp"

namespace opaline::flow {

/// Who is asked for a step, and in whose place. A value; both services must outlive every call and
/// its stream.
struct StepCall {
  contract::Service* service = nullptr;
  /// Of the same kind, or null: asked the same when the service has failed or had no time left.
  contract::Service* fallback = nullptr;
  /// For all that the step asks of its service; never more than what is left of the request's time,
  /// which the fallback has.
  std::optional<std::chrono::milliseconds> timeout;

  /// By when the service of a step that starts now must have answered.
  [[nodiscard]] base::Context::Clock::time_point until(const base::Context& context) const;
  /// What can be answered by the fallback is ready enough.
  [[nodiscard]] contract::Health health() const;
};

/// One of a step's calls. @param until see StepCall::until(). @error the service's, or the
/// fallback's.
base::Task<base::Result<contract::Reply>> call_step(StepCall step, contract::JsonRequest request,
                                                    base::Context context,
                                                    base::Context::Clock::time_point until);

}  // namespace opaline::flow
