#include "gateway/latency_statistics.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <numeric>

namespace opaline::gateway {
namespace {

namespace json = boost::json;

double percentile(const std::vector<double>& sorted, double share) {
  const double rank = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (rank - static_cast<double>(below));
}

void describe(json::object& out, std::vector<double> values, std::string_view suffix) {
  json::value p50;
  json::value p99;
  json::value average;
  if (!values.empty()) {
    std::ranges::sort(values);
    p50 = percentile(values, 0.50);
    p99 = percentile(values, 0.99);
    average =
        std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  }
  out["p50_latency" + std::string(suffix)] = std::move(p50);
  out["p99_latency" + std::string(suffix)] = std::move(p99);
  out["average_latency" + std::string(suffix)] = std::move(average);
}

double seconds(LatencyStatistics::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void LatencyStatistics::Window::add(double value) {
  if (values.size() < kWindow) {
    values.push_back(value);
    return;
  }
  values[next] = value;
  next = (next + 1) % kWindow;
}

void LatencyStatistics::record(std::string_view name, Duration took,
                               std::optional<Duration> first_token) {
  std::lock_guard lock(mutex_);
  auto entry = entries_.find(name);
  if (entry == entries_.end()) entry = entries_.emplace(name, Entry()).first;
  entry->second.latency.add(seconds(took));
  if (first_token) entry->second.first_token.add(seconds(*first_token));
}

std::string LatencyStatistics::json() const {
  decltype(entries_) copy;
  {
    std::lock_guard lock(mutex_);
    copy = entries_;
  }
  json::object out;
  for (const auto& [name, entry] : copy) {
    json::object described;
    describe(described, entry.latency.values, "");
    describe(described, entry.first_token.values, "_first_token");
    out[name] = std::move(described);
  }
  return json::serialize(out);
}

}  // namespace opaline::gateway
