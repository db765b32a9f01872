#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/cancellation.hpp"
#include "base/clock.hpp"
#include "contract/chat.hpp"
#include "flow/alignment.hpp"
#include "flow/step_report.hpp"

namespace opaline::flow {

/// The streamed answer of a flow's last step: passes the pieces through, completes the last one
/// with what the steps before found, and reports the step when it ends. Owns what the step still
/// needs after the run is over. Dropping it early cancels the step and reports it as cancelled. On
/// the request's thread.
class StepStream final : public contract::ChatStream {
 public:
  /// The step whose answer is streamed; `name` must outlive the stream.
  struct Step {
    std::string_view name;
    base::Clock::time_point started;
  };

  /// @param cancellation the run's own. @param before what the steps before found.
  StepStream(std::unique_ptr<contract::ChatStream> answer, Step step, StepObserver observer,
             std::shared_ptr<base::Cancellation> cancellation, Findings before);
  ~StepStream() override;
  StepStream(const StepStream&) = delete;
  StepStream& operator=(const StepStream&) = delete;

  base::Task<base::Result<contract::ChatDelta>> next() override;

  /// Keeps the tie that passes the request's cancellation on to the run's, which ends when the run
  /// does.
  void keep(base::Cancellation::Registration tie) { tie_ = std::move(tie); }

 private:
  void end(const base::Error* error);

  // In this order: the answer goes first, while its cancellation can still be asked.
  std::shared_ptr<base::Cancellation> cancellation_;
  base::Cancellation::Registration tie_;
  StepObserver observer_;
  Step step_;
  Findings before_;
  bool ended_ = false;
  std::unique_ptr<contract::ChatStream> answer_;
};

/// An error of a step, led by its name: "step 'retrieval': …".
[[nodiscard]] base::Error step_error(std::string_view step, base::Error error);

}  // namespace opaline::flow
