#include "flow/step_call.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace opaline::flow {

base::Context::Clock::time_point StepCall::until(const base::Context& context) const {
  return timeout ? context.within(*timeout).deadline : context.deadline;
}

contract::Health StepCall::health() const {
  contract::Health health = service->health();
  const bool ready = health.state == contract::Health::State::ready;
  return ready || fallback == nullptr ? health : fallback->health();
}

base::Task<base::Result<contract::Reply>> call_step(StepCall step, contract::JsonRequest request,
                                                    base::Context context,
                                                    base::Context::Clock::time_point until) {
  base::Context own = context.child();
  own.deadline = std::min(own.deadline, until);
  base::Result<contract::Reply> reply =
      base::fail(base::ErrorCode::deadline_exceeded, "not asked, the time of the step is over");
  if (!own.expired()) {
    contract::JsonRequest first = step.fallback ? request : std::move(request);
    reply = co_await step.service->call(std::move(first), std::move(own));
  }
  if (reply || step.fallback == nullptr || context.cancelled() || context.expired()) {
    co_return reply;
  }
  base::log(base::LogLevel::warning, "step_falls_back", {{"reason", reply.error().message}});
  co_return co_await step.fallback->call(std::move(request), context.child());
}

}  // namespace opaline::flow
