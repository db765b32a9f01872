#pragma once

#include <memory>

#include "app/library.hpp"
#include "app/model_children.hpp"
#include "app/runtime_folder.hpp"
#include "app/settings.hpp"
#include "base/metric.hpp"
#include "gateway/ledger.hpp"
#include "gateway/settings.hpp"
#include "http/client.hpp"
#include "services/registry/service_registry.hpp"

namespace opaline::app {

/// What flows are run with; shared by all that a server runs one after another. Members stand in
/// the order of their making, so that destruction is the reverse.
struct Platform {
  base::MetricRegistry metrics;
  http::Client client;
  services::ServiceRegistry registry;
  gateway::GatewaySettings gateway;
  std::unique_ptr<gateway::Ledger> ledger;
  AnswerMode answer = AnswerMode::extract;
  bool instructed = false;  ///< Our own language model has a chat template.
  std::unique_ptr<RuntimeFolder> sockets;
  std::unique_ptr<ModelChildren> models;
  std::unique_ptr<Library> library;  ///< Null when no flow retrieves or ingests here.
};

}  // namespace opaline::app
