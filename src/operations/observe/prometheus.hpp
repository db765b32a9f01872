#pragma once

#include <string>
#include <string_view>

#include "base/metric.hpp"

namespace opaline::operations {

/// The Content-Type of prometheus_text().
inline constexpr std::string_view kPrometheusType = "text/plain; version=0.0.4; charset=utf-8";

/// Every metric of `registry` in Prometheus' text format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/): HELP and TYPE once a family,
/// families in order of first use, histograms as cumulative `_bucket`s with `_sum` and `_count`.
/// Label and metric names are ours and taken as they are; values and help are escaped. Any thread.
[[nodiscard]] std::string prometheus_text(const base::MetricRegistry& registry);

}  // namespace opaline::operations
