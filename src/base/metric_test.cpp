#include "base/metric.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace opaline::base {
namespace {

TEST(MetricRegistry, GivesTheSameSeriesForTheSameLabels) {
  MetricRegistry registry;
  Counter& a = registry.counter("hits_total", "Hits.", {{"route", "/a"}});
  Counter& again = registry.counter("hits_total", "Hits.", {{"route", "/a"}});
  Counter& b = registry.counter("hits_total", "Hits.", {{"route", "/b"}});
  EXPECT_EQ(&a, &again);
  EXPECT_NE(&a, &b);
}

TEST(MetricRegistry, CountsFromManyThreads) {
  MetricRegistry registry;
  Counter& counter = registry.counter("n_total", "N.");
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 1000; ++n) counter.add();
      });
    }
  }
  EXPECT_EQ(counter.value(), 4000);
}

TEST(Histogram, CountsCumulativelyAndIncludesTheBound) {
  Histogram histogram({1, 2});
  for (const double value : {0.5, 1.0, 1.5, 2.0, 9.0}) histogram.record(value);
  EXPECT_EQ(histogram.counts(), (std::vector<std::uint64_t>{2, 4, 5}));
  EXPECT_DOUBLE_EQ(histogram.sum(), 14.0);
}

}  // namespace
}  // namespace opaline::base
