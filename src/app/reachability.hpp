#pragma once

#include <string>
#include <vector>

#include "flow/flow_file.hpp"

namespace opaline::app {

/// Asks every service of a flow that runs elsewhere, 5 s each: an MCP server must begin a session
/// and have the tool, any other server must answer HTTP at all, whatever the status. Blocks; must
/// not be called on an I/O thread.
/// @return a sentence for each that does not, led by the service's name; empty: all answer.
[[nodiscard]] std::vector<std::string> unreachable_services(const flow::FlowSpec& spec);

}  // namespace opaline::app
