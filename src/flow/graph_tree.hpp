#pragma once

#include <functional>
#include <string>

#include "flow/graph.hpp"

namespace opaline::flow {

/// A graph as lines of text, a branch drawn before each: every step under the first that leads to
/// it, once in full and with "(above)" where others lead to it too.
/// @param text what stands behind a step's name, in a column of its own.
[[nodiscard]] std::string tree(const Graph& graph,
                               const std::function<std::string(Graph::Node)>& text);
/// One such line: `before`, the name, filled up to the column of the text.
[[nodiscard]] std::string tree_line(std::string before, const std::string& name,
                                    const std::string& text);

}  // namespace opaline::flow
