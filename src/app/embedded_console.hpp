#pragma once

#include "gateway/console_files.hpp"

namespace opaline::app {

/// The console as the gateway asks for it.
[[nodiscard]] gateway::ConsoleFiles embedded_console();

}  // namespace opaline::app
