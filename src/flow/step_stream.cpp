#include "flow/step_stream.hpp"

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace opaline::flow {

StepStream::StepStream(std::unique_ptr<contract::ChatStream> answer, Step step,
                       StepObserver observer, std::shared_ptr<base::Cancellation> cancellation,
                       Findings before)
    : cancellation_(std::move(cancellation)),
      observer_(std::move(observer)),
      step_(step),
      before_(std::move(before)),
      answer_(std::move(answer)) {
  OPALINE_ASSERT(answer_ != nullptr);
}

StepStream::~StepStream() {
  if (ended_) return;
  cancellation_->request();
  const base::Error dropped{.code = base::ErrorCode::cancelled,
                            .message = "the answer was not read to its end",
                            .detail = {}};
  end(&dropped);
}

base::Task<base::Result<contract::ChatDelta>> StepStream::next() {
  base::Result<contract::ChatDelta> delta = co_await answer_->next();
  if (!delta) {
    delta = base::fail(step_error(step_.name, std::move(delta).error()));
    end(&delta.error());
  } else if (delta->end) {
    complete(*delta->end, before_);
    end(nullptr);
  }
  co_return delta;
}

void StepStream::end(const base::Error* error) {
  if (ended_) return;
  ended_ = true;
  if (!observer_) return;
  observer_({.step = step_.name,
             .kind = contract::ServiceKind::llm,
             .took = base::Clock::now() - step_.started,
             .error = error});
}

base::Error step_error(std::string_view step, base::Error error) {
  error.message = "step '" + std::string(step) + "': " + error.message;
  error.step.insert(0, error.step.empty() ? std::string(step) : std::string(step) + ".");
  return error;
}

}  // namespace opaline::flow
