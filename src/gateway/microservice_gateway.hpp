#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/metric.hpp"
#include "base/result.hpp"
#include "contract/service.hpp"
#include "gateway/ledger.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/settings.hpp"
#include "gateway/system_routes.hpp"
#include "http/server.hpp"

namespace opaline::gateway {

/// A service that a process offers by itself, and where.
struct HostedService {
  contract::Service& service;
  std::string endpoint;  ///< Besides those of its kind; "" for none. A custom one is at "/" then.
};

/// The edge of a process that hosts single services (`opaline serve`), and of a service's own port:
/// their endpoints, health, metrics, description, behind the same pipeline. Same promises as
/// Gateway.
class MicroserviceGateway {
 public:
  [[nodiscard]] static base::Result<std::unique_ptr<MicroserviceGateway>> create(
      GatewaySettings settings, const std::vector<HostedService>& hosted,
      base::MetricRegistry& metrics, std::function<std::string()> metrics_text);

  /// The same around routes made elsewhere. What `view` and `routes` refer to must outlive this.
  [[nodiscard]] static base::Result<std::unique_ptr<MicroserviceGateway>> create(
      GatewaySettings settings, SystemView view, std::vector<Route> routes,
      base::MetricRegistry& metrics);

  [[nodiscard]] http::Handler request_handler();
  void install(http::ServerSettings& server);

  [[nodiscard]] const std::vector<Route>& routes() const { return pipeline_->router().routes(); }

 private:
  MicroserviceGateway(base::MetricRegistry& metrics, const RateLimit& limit)
      : ledger_(metrics, limit) {}

  Ledger ledger_;
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace opaline::gateway
