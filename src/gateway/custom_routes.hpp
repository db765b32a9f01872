#pragma once

#include <string>
#include <vector>

#include "contract/service.hpp"
#include "gateway/route.hpp"

namespace opaline::gateway {

/// A service of one's own (kind `custom`), at its endpoint: any JSON in, and what it answers out:
/// JSON, bytes, or a stream. `"stream": true` in the body tells it that a stream is wanted. The
/// service must outlive the routes.
[[nodiscard]] std::vector<Route> custom_routes(contract::Service& service,
                                               const std::string& endpoint);

}  // namespace opaline::gateway
