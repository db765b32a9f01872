#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/result.hpp"
#include "contract/json_rpc.hpp"

namespace opaline::services {

/// What a tool's result is to the next step: its structuredContent; else its text, read as JSON if
/// that is an object or a list; else {"text": …}; without any text {"content": […]}.
/// @param label names the tool in errors.
/// @error failed_precondition: the tool says that it failed; the message has its words. internal:
/// no result of a tool.
[[nodiscard]] base::Result<boost::json::value> read_tool_result(boost::json::object result,
                                                                const std::string& label);

/// What the protocol's own errors mean to a caller: wrong parameters are invalid_argument,
/// everything else failed_precondition. The message has the server's words.
[[nodiscard]] base::Error tool_error(const contract::RpcError& error, const std::string& label);

/// What a status other than 2xx means: 400, 413, 422 invalid_argument; other 4xx and 3xx
/// failed_precondition; 429 resource_exhausted; above unavailable.
/// @param body its start goes into `detail`.
[[nodiscard]] base::Error status_error(unsigned status, std::string_view body,
                                       const std::string& label);

}  // namespace opaline::services
