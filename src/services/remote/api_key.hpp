#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace opaline::services {

/// The secret that a settings file refers to: "env:NAME" or "file:PATH" (its first line). Settings
/// never hold the secret itself, and nothing logs what this returns.
/// @return empty for an empty reference.
/// @error invalid_argument: neither form; failed_precondition: the variable or file is missing or
/// empty.
[[nodiscard]] base::Result<std::string> resolve_api_key(std::string_view reference);

}  // namespace opaline::services
