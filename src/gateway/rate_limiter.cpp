#include "gateway/rate_limiter.hpp"

#include <algorithm>
#include <cmath>

#include "base/assert.hpp"

namespace opaline::gateway {
namespace {

std::chrono::milliseconds time_for(double tokens, double per_second) {
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(std::ceil(tokens / per_second * 1000)));
}

}  // namespace

RateLimiter::RateLimiter(RateLimit limit, std::size_t buckets)
    : per_second_(limit.requests_per_minute / 60.0),
      burst_(limit.burst > 0 ? limit.burst : limit.requests_per_minute),
      buckets_per_shard_(std::max<std::size_t>(1, buckets / std::size(shards_))) {
  OPALINE_ASSERT(limit.requests_per_minute > 0);
}

RateLimiter::Decision RateLimiter::take(std::string_view who, Time now) {
  Shard& shard = shards_[std::hash<std::string_view>()(who) % shards_.size()];
  std::lock_guard lock(shard.mutex);
  Bucket& mine = bucket(shard, who, now);
  const double passed =
      std::chrono::duration<double>(std::max(now, mine.filled) - mine.filled).count();
  mine.tokens = std::min(burst_, mine.tokens + passed * per_second_);
  mine.filled = std::max(now, mine.filled);

  Decision decision;
  decision.limit = static_cast<int>(burst_);
  // A thousandth forgives rounding: a client that waits for retry_after must be let in.
  decision.allowed = mine.tokens >= 0.999;
  if (decision.allowed) mine.tokens = std::max(0.0, mine.tokens - 1);
  if (!decision.allowed) decision.retry_after = time_for(1 - mine.tokens, per_second_);
  decision.remaining = static_cast<int>(mine.tokens);
  decision.reset = time_for(burst_ - mine.tokens, per_second_);
  return decision;
}

RateLimiter::Bucket& RateLimiter::bucket(Shard& shard, std::string_view who, Time now) {
  if (const auto found = shard.places.find(who); found != shard.places.end()) {
    shard.recent.splice(shard.recent.begin(), shard.recent, found->second);
    return shard.recent.front();
  }
  if (shard.recent.size() >= buckets_per_shard_) {
    shard.places.erase(shard.recent.back().who);
    shard.recent.pop_back();
  }
  shard.recent.push_front({std::string(who), burst_, now});
  shard.places.emplace(shard.recent.front().who, shard.recent.begin());
  return shard.recent.front();
}

std::size_t RateLimiter::size() const {
  std::size_t all = 0;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    all += shard.recent.size();
  }
  return all;
}

}  // namespace opaline::gateway
