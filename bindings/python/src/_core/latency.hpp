#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

namespace opaline::python {

/// Seconds on the clock of Python's time.monotonic().
[[nodiscard]] double monotonic_seconds();

/// A Prometheus histogram with the default buckets of Python's client. Any thread.
class LatencyHistogram {
 public:
  static constexpr std::array kBounds = {.005, .01, .025, .05, .075, .1,  .25,
                                         .5,   .75, 1.0,  2.5, 5.0,  7.5, 10.0};
  struct Snapshot {
    std::vector<std::uint64_t> cumulative;  ///< Of each bound, then of +Inf: the count.
    double sum = 0;
  };

  void observe(double seconds);
  [[nodiscard]] Snapshot snapshot() const;

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<double> sum_ = 0;
};

/// The megaservices' metrics: one set a process, as Prometheus wants them.
struct MegaserviceMetrics {
  LatencyHistogram first_token;
  LatencyHistogram inter_token;
  LatencyHistogram request;
  std::atomic<std::int64_t> pending = 0;
  std::atomic<bool> pending_used = false;  ///< A gauge that was never touched is not exported.

  [[nodiscard]] static MegaserviceMetrics& get();
};

/// A request under way. However it ends, its owner dies and the gauge goes down, once.
class PendingRequest {
 public:
  PendingRequest();
  ~PendingRequest();
  PendingRequest(const PendingRequest&) = delete;
  PendingRequest& operator=(const PendingRequest&) = delete;

  void release();

 private:
  std::atomic<bool> held_ = true;
};

}  // namespace opaline::python
