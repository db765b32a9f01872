#pragma once

#include <memory>

#include "base/metric.hpp"
#include "gateway/gateway_metrics.hpp"
#include "gateway/rate_limiter.hpp"
#include "gateway/settings.hpp"

namespace opaline::gateway {

/// What a gateway remembers of the requests it had: counts, latencies, and what each caller has
/// left of the rate limit. Gateways that follow one another share it. Any thread.
struct Ledger {
  Ledger(base::MetricRegistry& registry, const RateLimit& limit) : metrics(registry) {
    if (limit.requests_per_minute > 0) limiter = std::make_unique<RateLimiter>(limit);
  }

  GatewayMetrics metrics;
  std::unique_ptr<RateLimiter> limiter;  ///< Null without a limit.
};

}  // namespace opaline::gateway
