#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/cancellation.hpp"
#include "base/context.hpp"
#include "contract/json_message.hpp"
#include "contract/service.hpp"
#include "flow/step_report.hpp"
#include "flow/step_stream.hpp"

namespace opaline::flow {

/// A streamed answer of a JSON flow, which outlives its run: keeps what it needs, and reports its
/// step when it ends or is dropped. On the request's thread.
class RunStream final : public contract::ByteStream {
 public:
  using Clock = base::Context::Clock;

  /// A step that the answer goes through (see SentenceRelay).
  struct Relay {
    std::string name;
    contract::ServiceKind kind;
    /// Filled when it fails: how long the call that failed took. It has named itself in the error.
    std::shared_ptr<const std::optional<Clock::duration>> failed_after;
  };

  struct Step {
    std::string name;
    contract::ServiceKind kind;
    Clock::time_point started;
    std::shared_ptr<const std::optional<contract::Usage>> usage;  ///< Filled while it is read.
    std::optional<Relay> relay = {};
  };

  RunStream(std::unique_ptr<contract::ByteStream> answer, Step step, StepObserver observer,
            std::shared_ptr<base::Cancellation> cancellation)
      : cancellation_(std::move(cancellation)),
        observer_(std::move(observer)),
        step_(std::move(step)),
        answer_(std::move(answer)) {}
  ~RunStream() override {
    const base::Error dropped{.code = base::ErrorCode::cancelled,
                              .message = "the answer was not read to its end",
                              .detail = {}};
    end(&dropped);
  }
  RunStream(const RunStream&) = delete;
  RunStream& operator=(const RunStream&) = delete;

  [[nodiscard]] const std::string& content_type() const override { return answer_->content_type(); }
  base::Task<base::Result<std::optional<std::string>>> next() override {
    auto bytes = co_await answer_->next();
    if (!bytes && step_.relay && *step_.relay->failed_after) {
      if (observer_) {
        observer_({.step = step_.relay->name,
                   .kind = step_.relay->kind,
                   .took = **step_.relay->failed_after,
                   .error = &bytes.error()});
      }
      end(nullptr);
    } else if (!bytes) {
      bytes = base::fail(step_error(step_.name, std::move(bytes).error()));
      end(&bytes.error());
    } else if (!*bytes) {
      end(nullptr);
    }
    co_return bytes;
  }
  /// The tie that passes the request's cancellation on to the run's, which ends when the run does.
  void keep(std::shared_ptr<base::Cancellation::Registration> tie) { tie_ = std::move(tie); }

 private:
  void end(const base::Error* error) {
    if (std::exchange(ended_, true) || !observer_) return;
    observer_({.step = step_.name,
               .kind = step_.kind,
               .took = Clock::now() - step_.started,
               .error = error,
               .usage = *step_.usage});
  }

  // In this order: the answer goes first, while its cancellation can still be asked.
  std::shared_ptr<base::Cancellation> cancellation_;
  std::shared_ptr<base::Cancellation::Registration> tie_;  // Of all streams of the run.
  StepObserver observer_;
  Step step_;
  bool ended_ = false;
  std::unique_ptr<contract::ByteStream> answer_;
};

}  // namespace opaline::flow
