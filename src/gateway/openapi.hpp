#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/route.hpp"

namespace opaline::gateway {

/// The OpenAPI 3.1 description of `routes`, made from their documentation and the schemas of
/// api_schemas.hpp. REQUIRES: every example is JSON and every schema named exists (a test checks
/// each of them).
[[nodiscard]] std::string openapi_json(const std::vector<Route>& routes, std::string_view version);

}  // namespace opaline::gateway
