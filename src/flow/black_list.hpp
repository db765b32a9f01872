#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "flow/graph.hpp"

namespace opaline::flow {

/// The steps after `node` that its output's `downstream_black_list`, a list of regular expressions
/// (RE2), forbids by their names, each once; nothing when there is no list, or an empty one.
/// @error failed_precondition: a list or a pattern that cannot be read, or is longer than any flow
/// needs (limits::kFlowSteps, 4 KiB). What a guardrail meant to stop must not go on because of how
/// it said so.
[[nodiscard]] base::Result<std::optional<std::vector<Graph::Node>>> black_listed(
    const boost::json::value& output, const Graph& graph, Graph::Node node);

}  // namespace opaline::flow
