#include "base/metric.hpp"

#include <algorithm>
#include <thread>

#include "base/assert.hpp"

namespace opaline::base {
namespace {

std::size_t shard() {
  static std::atomic<std::size_t> next = 0;
  thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed);
  return mine;
}

}  // namespace

void Counter::add(double amount) {
  shards_[shard() % shards_.size()].value.fetch_add(amount, std::memory_order_relaxed);
}

double Counter::value() const {
  double sum = 0;
  for (const Shard& one : shards_) sum += one.value.load(std::memory_order_relaxed);
  return sum;
}

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)),
      counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds_.size() + 1)) {
  OPALINE_ASSERT(std::ranges::is_sorted(bounds_));
}

void Histogram::record(double value) {
  const auto bound = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  counts_[static_cast<std::size_t>(bound)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<std::uint64_t> Histogram::counts() const {
  std::vector<std::uint64_t> cumulative(bounds_.size() + 1);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < cumulative.size(); ++i) {
    total += counts_[i].load(std::memory_order_relaxed);
    cumulative[i] = total;
  }
  return cumulative;
}

Counter& MetricRegistry::counter(std::string_view name, std::string_view help, Labels labels) {
  return *series(name, help, Kind::counter, std::move(labels)).counter;
}

Gauge& MetricRegistry::gauge(std::string_view name, std::string_view help, Labels labels) {
  return *series(name, help, Kind::gauge, std::move(labels)).gauge;
}

Histogram& MetricRegistry::histogram(std::string_view name, std::string_view help, Labels labels,
                                     std::vector<double> bounds) {
  Series& found = series(name, help, Kind::histogram, std::move(labels));
  std::lock_guard lock(mutex_);
  if (!found.histogram) found.histogram = std::make_unique<Histogram>(std::move(bounds));
  return *found.histogram;
}

std::vector<double> MetricRegistry::seconds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}

MetricRegistry::Series& MetricRegistry::series(std::string_view name, std::string_view help,
                                               Kind kind, Labels labels) {
  std::lock_guard lock(mutex_);
  auto family =
      std::ranges::find(families_, name, [](const auto& f) -> std::string_view { return f->name; });
  if (family == families_.end()) {
    families_.push_back(
        std::make_unique<Family>(Family{std::string(name), std::string(help), kind, {}}));
    family = std::prev(families_.end());
  }
  OPALINE_ASSERT((*family)->kind == kind);
  auto& all = (*family)->series;
  auto found = std::ranges::find(all, labels, [](const auto& s) { return s->labels; });
  if (found == all.end()) {
    auto made = std::make_unique<Series>();
    made->labels = std::move(labels);
    if (kind == Kind::counter) made->counter = std::make_unique<Counter>();
    if (kind == Kind::gauge) made->gauge = std::make_unique<Gauge>();
    all.push_back(std::move(made));
    found = std::prev(all.end());
  }
  return **found;
}

}  // namespace opaline::base
