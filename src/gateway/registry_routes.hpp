#pragma once

#include <vector>

#include "flow/flow_file.hpp"
#include "gateway/route.hpp"
#include "services/registry/service_registry.hpp"

namespace opaline::gateway {

/// Services that register themselves, and what the flow is made of:
///   PUT    /v1/services/{id}    {url, lease_seconds?, version?, description?, health?, …}:
///   register
///          or renew; 201 when new
///   DELETE /v1/services/{id}    ?url=…: one instance; without it all
///   GET    /v1/services, /v1/services/{id}
///   GET    /v1/list_service     OPEA: {step: {description, endpoint}} of the flow
///   GET    /v1/list_parameters  OPEA: {step: {parameter: {type, …}}}
/// Both arguments must outlive the routes.
[[nodiscard]] std::vector<Route> registry_routes(services::ServiceRegistry& registry,
                                                 const flow::FlowSpec& flow);

}  // namespace opaline::gateway
