#pragma once

#include <array>
#include <chrono>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gateway/settings.hpp"

namespace opaline::gateway {

/// Token buckets, one a key or peer: `burst` requests at once, refilled at `requests_per_minute`.
/// At most kBuckets are kept, the least recently used go first. Any thread; locks are short and
/// split sixteen ways.
class RateLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Decision {
    bool allowed = false;
    int limit = 0;  ///< The bucket's size.
    int remaining = 0;
    std::chrono::milliseconds
        retry_after{};                  ///< Until the next request is allowed; 0 when this one was.
    std::chrono::milliseconds reset{};  ///< Until the bucket is full again.
  };

  static constexpr std::size_t kBuckets = 65'536;

  /// REQUIRES: limit.requests_per_minute > 0.
  explicit RateLimiter(RateLimit limit, std::size_t buckets = kBuckets);

  /// Takes one token of `who`, if there is one.
  [[nodiscard]] Decision take(std::string_view who, Time now);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Bucket {
    std::string who;
    double tokens = 0;
    Time filled;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::list<Bucket> recent;  // Most recently used first.
    std::unordered_map<std::string_view, std::list<Bucket>::iterator> places;
  };

  Bucket& bucket(Shard& shard, std::string_view who, Time now);

  double per_second_;
  double burst_;
  std::size_t buckets_per_shard_;
  std::array<Shard, 16> shards_;
};

}  // namespace opaline::gateway
