#pragma once

#include <chrono>
#include <memory>
#include <opaline/server.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/metric.hpp"
#include "contract/service.hpp"
#include "gateway/microservice_gateway.hpp"
#include "gateway/route.hpp"
#include "http/server.hpp"

namespace opaline::detail {

/// A server and what it stands on.
struct ServerState {
  std::shared_ptr<void> keep;  // What the routes refer to, shared with its handles.
  base::MetricRegistry metrics;
  std::unique_ptr<gateway::MicroserviceGateway> gateway;
  std::unique_ptr<http::Server> server;
  std::string url;
};

}  // namespace opaline::detail

namespace opaline::api {

/// Where and how something is served.
struct HostSettings {
  std::string name;
  std::string host;
  std::uint16_t port = 0;
  std::string description;
  std::vector<std::string> api_keys = {};
  std::size_t threads = 1;
  std::size_t body_bytes = 32 * 1024 * 1024;
  std::chrono::milliseconds timeout = std::chrono::minutes(2);
};

/// Serves `routes` with those that every server has. @param parts who must be ready, by name.
/// @param keep what routes and parts refer to. @throws Error as MicroService::start().
[[nodiscard]] Server start_server(
    HostSettings settings, std::vector<gateway::Route> routes,
    std::vector<std::pair<std::string, const contract::Service*>> parts,
    std::shared_ptr<void> keep);

}  // namespace opaline::api
