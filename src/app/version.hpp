#pragma once

#include <string_view>

namespace opaline::app {

/// Semantic version of this build, from the project() line of CMakeLists.txt.
inline constexpr std::string_view kVersion = OPALINE_VERSION;

}  // namespace opaline::app
