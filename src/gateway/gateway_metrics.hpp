#pragma once

#include <chrono>
#include <string_view>

#include "base/error.hpp"
#include "base/metric.hpp"
#include "contract/chat.hpp"
#include "contract/service.hpp"
#include "gateway/latency_statistics.hpp"

namespace opaline::gateway {

/// A stage of a query, as dashboards name it.
enum class Stage {
  self_query,
  query_expansion,
  embedding,
  retrieval,
  reranking,
  generation,
  total
};
[[nodiscard]] std::string_view name(Stage stage);
/// The stage that a step of that kind is; dataprep is none.
[[nodiscard]] std::optional<Stage> stage_of(contract::ServiceKind kind);

/// The gateway's series, looked up once. docs/api.md lists them with their meaning. Stages that no
/// step fills (self_query, query_expansion) stay at a count of zero, so that a dashboard finds
/// every stage on every deployment. Any thread.
class GatewayMetrics {
 public:
  using Duration = std::chrono::steady_clock::duration;
  /// How a query ended; the `status` label.
  enum class Outcome { success, failed, cancelled };

  explicit GatewayMetrics(base::MetricRegistry& registry);

  void query_ended(std::string_view route, Outcome outcome, Duration took);
  void stage(Stage stage, Duration took);
  void error(base::ErrorCode code);
  void request(std::string_view route, std::string_view method, unsigned status);
  void tokens(const contract::Usage& usage);
  void declined() { declined_.add(); }
  void first_token(Duration after);
  void next_token(Duration after);
  void stream_ended(Duration took);

  base::Gauge& pending() { return pending_; }  ///< Queries accepted and not yet ended.
  base::Gauge& waiting() { return waiting_; }  ///< Of these, those whose answer has not begun.
  base::Gauge& ingestion_queue() { return ingestion_queue_; }
  LatencyStatistics& statistics() { return statistics_; }

 private:
  base::MetricRegistry& registry_;
  base::Gauge& pending_;
  base::Gauge& waiting_;
  base::Gauge& ingestion_queue_;
  base::Counter& declined_;
  base::Counter& prompt_tokens_;
  base::Counter& completion_tokens_;
  base::Counter& cached_tokens_;
  base::Histogram& input_usage_;
  base::Histogram& output_usage_;
  base::Histogram& time_to_first_token_;
  base::Histogram& time_per_token_;
  base::Histogram& request_duration_;
  base::Histogram& megaservice_first_token_;
  base::Histogram& megaservice_inter_token_;
  base::Histogram& megaservice_request_;
  std::array<base::Histogram*, 7> stages_{};
  std::array<base::Counter*, 11> errors_{};
  LatencyStatistics statistics_;
};

}  // namespace opaline::gateway
