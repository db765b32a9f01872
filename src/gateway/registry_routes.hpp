#pragma once

#include <functional>
#include <string>
#include <vector>

#include "contract/chat.hpp"
#include "flow/flow_file.hpp"
#include "gateway/route.hpp"
#include "gateway/services.hpp"
#include "services/registry/service_registry.hpp"

namespace opaline::gateway {

/// What is told of the flow. The flow must outlive the routes.
struct FlowView {
  const flow::FlowSpec& flow;
  std::function<std::vector<Part>()> parts = {};  ///< How its services are, by name; may be empty.
  std::string version = {};                       ///< Of this server's own services.
  contract::ChatRequest usual = {};               ///< What a request means that says nothing.
};

/// Services that register themselves, and what the flow is made of:
///   PUT    /v1/services/{id}    {url, lease_seconds?, version?, description?, health?, …}:
///   register
///          or renew; 201 when new
///   DELETE /v1/services/{id}    ?url=…: one instance; without it all
///   GET    /v1/services, /v1/services/{id}
///   GET    /v1/list_service     OPEA: {step: {description, endpoint, kind, health?, version?, …}}
///   of
///          the flow; of services at a URL neither is known
///   GET    /v1/list_parameters  OPEA: {step: {parameter: {type, default?}}}; a model's own
///   defaults
///          are not known
/// The registry must outlive the routes.
[[nodiscard]] std::vector<Route> registry_routes(services::ServiceRegistry& registry,
                                                 FlowView view);

}  // namespace opaline::gateway
