#include "_core/latency.hpp"

#include <algorithm>
#include <chrono>

namespace opaline::python {

double monotonic_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

void LatencyHistogram::observe(double seconds) {
  const auto bound = std::ranges::lower_bound(kBounds, seconds);
  counts_[static_cast<std::size_t>(bound - kBounds.begin())].fetch_add(1,
                                                                       std::memory_order_relaxed);
  sum_.fetch_add(seconds, std::memory_order_relaxed);
}

LatencyHistogram::Snapshot LatencyHistogram::snapshot() const {
  Snapshot taken;
  std::uint64_t total = 0;
  for (const auto& count : counts_) {
    total += count.load(std::memory_order_relaxed);
    taken.cumulative.push_back(total);
  }
  taken.sum = sum_.load(std::memory_order_relaxed);
  return taken;
}

MegaserviceMetrics& MegaserviceMetrics::get() {
  static MegaserviceMetrics metrics;
  return metrics;
}

PendingRequest::PendingRequest() {
  MegaserviceMetrics& metrics = MegaserviceMetrics::get();
  metrics.pending_used = true;
  ++metrics.pending;
}

PendingRequest::~PendingRequest() { release(); }

void PendingRequest::release() {
  if (held_.exchange(false)) --MegaserviceMetrics::get().pending;
}

}  // namespace opaline::python
