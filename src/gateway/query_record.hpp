#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/context.hpp"
#include "base/error.hpp"
#include "contract/chat.hpp"
#include "flow/runner.hpp"
#include "gateway/gateway_metrics.hpp"

namespace opaline::gateway {

/// The record of one query from its arrival to its end: a log line for each, and the metrics. It
/// ends exactly once; one that is dropped before was left by its client. Lives on the request's
/// thread. The text of the question is logged at level debug only.
class QueryRecord {
 public:
  using Clock = std::chrono::steady_clock;

  /// Logs `query_received`. @param route the pattern, e.g. "/v1/chatqna".
  QueryRecord(GatewayMetrics& metrics, std::string route, const base::Context& context);
  ~QueryRecord();
  QueryRecord(const QueryRecord&) = delete;
  QueryRecord& operator=(const QueryRecord&) = delete;

  void question(std::string_view text);
  /// A step ended. The LLM step of a stream ends when its stream begins; the rest comes with
  /// streamed().
  /// @param names under which statistics know it: its kind's, or its own, which the author of a
  /// JSON flow chose.
  enum class StepNames { of_kinds, own };
  void step(const flow::StepReport& report, StepNames names = StepNames::of_kinds);
  void stage(Stage stage, Clock::duration took);
  /// A piece of a streamed answer goes out.
  void piece();
  /// What the answer cost; before succeeded().
  void answered(const contract::ChatReply& reply);

  /// Logs `query_success`. The status of a stream was 200 long before.
  void succeeded(unsigned status);
  /// Logs `query_failed`, or for `cancelled` `query_cancelled` at debug level.
  void failed(const base::Error& error, unsigned status);
  /// The same in the middle of a stream, which no error reply will count.
  void broke(const base::Error& error);
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  void spent(const contract::Usage& usage);
  [[nodiscard]] Clock::duration took() const { return Clock::now() - begun_; }
  void end(GatewayMetrics::Outcome outcome);
  void answer_begins();

  GatewayMetrics& metrics_;
  std::string route_;
  std::string request_id_;
  std::string trace_id_;
  std::string principal_;
  Clock::time_point begun_ = Clock::now();
  std::optional<Clock::time_point> first_piece_;
  Clock::time_point last_piece_;
  std::optional<Clock::duration> generation_;  // Of LLM steps; of a stream until it began.
  Clock::time_point generation_reported_;
  contract::Usage usage_;
  bool steps_told_usage_ = false;
  bool declined_ = false;
  bool waiting_ = true;
  bool ended_ = false;
};

}  // namespace opaline::gateway
