#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gateway/gateway_metrics.hpp"
#include "gateway/route.hpp"
#include "gateway/services.hpp"

namespace opaline::gateway {

/// What the platform tells about itself.
struct SystemView {
  std::string title = "opaline";
  std::string description;
  std::string version;
  std::function<std::vector<Part>()> readiness;    ///< Every part that must be ready; any thread.
  std::function<std::string()> metrics_text;       ///< In Prometheus' text format.
  std::function<std::vector<ModelCard>()> models;  ///< What may be named as a model.
  std::string config_json;                         ///< For the console; empty: no /v1/config.
  contract::Service* dataprep = nullptr;           ///< Its queue is measured when metrics are read.
};

/// Health, readiness, metrics, statistics; with models and config where the view has them.
/// `metrics` and the view's functions must outlive the routes.
[[nodiscard]] std::vector<Route> system_routes(SystemView view, GatewayMetrics& metrics);
/// /openapi.json and /docs, about all of `routes` and themselves.
[[nodiscard]] std::vector<Route> documentation_routes(const std::vector<Route>& routes,
                                                      std::string_view version);

}  // namespace opaline::gateway
