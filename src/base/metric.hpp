#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace opaline::base {

/// A number that only grows. Any thread; sharded, so that cores do not share a cache line.
class Counter {
 public:
  void add(double amount = 1.0);
  [[nodiscard]] double value() const;

 private:
  struct alignas(64) Shard {
    std::atomic<double> value = 0;
  };
  std::array<Shard, 8> shards_;
};

/// A number that goes up and down. Any thread.
class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  [[nodiscard]] double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_ = 0;
};

/// How often values fell below each bound. Any thread.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void record(double value);

  [[nodiscard]] const std::vector<double>& bounds() const { return bounds_; }
  /// Cumulative counts, one a bound and a last one for +Inf.
  [[nodiscard]] std::vector<std::uint64_t> counts() const;
  [[nodiscard]] double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<double> sum_ = 0;
};

/// Label names and values of one series, in the order given.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// All metrics of a process. Owned by the assembly and passed down; what it returns lives as long
/// as it does, so look a series up once, when the collaborator is made, and keep the reference. Any
/// thread.
class MetricRegistry {
 public:
  enum class Kind { counter, gauge, histogram };

  Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
  /// `bounds` ascending, in the unit of the name; the first caller's bounds hold for the family.
  Histogram& histogram(std::string_view name, std::string_view help, Labels labels = {},
                       std::vector<double> bounds = seconds());

  /// Bounds for durations of requests and stages: 1 ms … 60 s.
  [[nodiscard]] static std::vector<double> seconds();

  struct Series {
    Labels labels;
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
  };
  struct Family {
    std::string name;
    std::string help;
    Kind kind = Kind::counter;
    std::vector<std::unique_ptr<Series>> series;
  };
  /// Calls `visit(const Family&)` for each family in order of its first use, under the registry's
  /// lock.
  template <class F>
  void each(F visit) const {
    std::lock_guard lock(mutex_);
    for (const auto& family : families_) visit(*family);
  }

 private:
  Series& series(std::string_view name, std::string_view help, Kind kind, Labels labels);

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Family>> families_;
};

}  // namespace opaline::base
