#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace opaline::gateway {

/// The latencies behind OPEA's /v1/statistics: percentiles over the last kWindow calls of each
/// name. Any thread.
class LatencyStatistics {
 public:
  static constexpr std::size_t kWindow = 1024;
  using Duration = std::chrono::steady_clock::duration;

  /// `name` comes from a fixed set (routes and stages), never from a request.
  void record(std::string_view name, Duration took, std::optional<Duration> first_token = {});
  /// {name: {"p50_latency","p99_latency","average_latency", and the same with "_first_token"}}:
  /// seconds, null without calls.
  [[nodiscard]] std::string json() const;

 private:
  struct Window {
    std::vector<double> values;
    std::size_t next = 0;
    void add(double seconds);
  };
  struct Entry {
    Window latency;
    Window first_token;
  };

  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace opaline::gateway
