#include "operations/observe/prometheus.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace opaline::operations {
namespace {

using base::MetricRegistry;

TEST(Prometheus, WritesACounterWithHelpAndType) {
  MetricRegistry registry;
  registry.counter("queries_total", "Queries.").add(3);
  EXPECT_EQ(prometheus_text(registry),
            "# HELP queries_total Queries.\n"
            "# TYPE queries_total counter\n"
            "queries_total 3\n");
}

TEST(Prometheus, WritesOneHeaderForAllSeriesOfAFamily) {
  MetricRegistry registry;
  registry.gauge("depth", "Waiting.", {{"queue", "a"}}).set(1.5);
  registry.gauge("depth", "Waiting.", {{"queue", "b"}, {"kind", "c"}}).set(-2);
  EXPECT_EQ(prometheus_text(registry),
            "# HELP depth Waiting.\n"
            "# TYPE depth gauge\n"
            "depth{queue=\"a\"} 1.5\n"
            "depth{queue=\"b\",kind=\"c\"} -2\n");
}

TEST(Prometheus, WritesHistogramsCumulatively) {
  MetricRegistry registry;
  auto& seconds = registry.histogram("took_seconds", "Took.", {{"stage", "total"}}, {0.1, 1});
  seconds.record(0.05);
  seconds.record(0.1);  // A bound belongs to its bucket.
  seconds.record(0.5);
  seconds.record(7);
  EXPECT_EQ(prometheus_text(registry),
            "# HELP took_seconds Took.\n"
            "# TYPE took_seconds histogram\n"
            "took_seconds_bucket{stage=\"total\",le=\"0.1\"} 2\n"
            "took_seconds_bucket{stage=\"total\",le=\"1\"} 3\n"
            "took_seconds_bucket{stage=\"total\",le=\"+Inf\"} 4\n"
            "took_seconds_sum{stage=\"total\"} 7.65\n"
            "took_seconds_count{stage=\"total\"} 4\n");
}

TEST(Prometheus, LabelsAHistogramWithoutLabelsByItsBoundAlone) {
  MetricRegistry registry;
  registry.histogram("h", "H.", {}, {2}).record(1);
  EXPECT_NE(prometheus_text(registry).find(
                "h_bucket{le=\"2\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n"),
            std::string::npos);
}

TEST(Prometheus, EscapesHelpAndLabelValues) {
  MetricRegistry registry;
  registry.counter("c", "back\\slash, \"quotes\"\nline", {{"l", "a\\b\"c\nd"}}).add();
  EXPECT_EQ(prometheus_text(registry),
            "# HELP c back\\\\slash, \"quotes\"\\nline\n"
            "# TYPE c counter\n"
            "c{l=\"a\\\\b\\\"c\\nd\"} 1\n");
}

TEST(Prometheus, WritesNumbersThatAreNone) {
  MetricRegistry registry;
  registry.gauge("g", "G.", {{"n", "1"}}).set(NAN);
  registry.gauge("g", "G.", {{"n", "2"}}).set(INFINITY);
  registry.gauge("g", "G.", {{"n", "3"}}).set(-INFINITY);
  const std::string text = prometheus_text(registry);
  EXPECT_NE(text.find("g{n=\"1\"} NaN\n"), std::string::npos);
  EXPECT_NE(text.find("g{n=\"2\"} +Inf\n"), std::string::npos);
  EXPECT_NE(text.find("g{n=\"3\"} -Inf\n"), std::string::npos);
}

TEST(Prometheus, WritesNothingForAnEmptyRegistry) {
  EXPECT_EQ(prometheus_text(MetricRegistry()), "");
}

}  // namespace
}  // namespace opaline::operations
