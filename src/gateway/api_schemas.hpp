#pragma once

#include <string_view>

namespace opaline::gateway {

/// The messages of the API as JSON schemas: one JSON object, name → schema, for
/// "components/schemas" of OpenAPI.
extern const std::string_view kApiSchemas;

}  // namespace opaline::gateway
