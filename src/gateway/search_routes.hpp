#pragma once

#include <vector>

#include "gateway/route.hpp"
#include "gateway/services.hpp"
#include "gateway/settings.hpp"

namespace opaline::gateway {

/// POST /v1/search: retrieval and reranking as a flow runs them, with what each stage thought of
/// each passage and how long it took. `services` must outlive the routes.
[[nodiscard]] std::vector<Route> search_routes(Services services, const GatewaySettings& settings);

}  // namespace opaline::gateway
