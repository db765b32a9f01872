#pragma once

#include <string>
#include <vector>

#include "flow/graph.hpp"
#include "flow/step_flow.hpp"

namespace opaline::flow {

/// A flow as boxes and arrows, whatever its form.
struct Drawing {
  struct Box {
    std::string name;
    bool chooses = false;  ///< A switch.
  };
  struct Arrow {
    Graph::Node from = 0;
    Graph::Node to = 0;
    std::string label;      ///< A switch's condition; empty: none.
    bool on_error = false;  ///< Taken only when the step fails.
  };

  std::vector<Box> boxes;  ///< By node.
  std::vector<Arrow> arrows;
};

[[nodiscard]] Drawing draw(const FlowSpec& flow);
[[nodiscard]] Drawing draw(const StepFlow& flow);

/// A Mermaid flowchart, as documents take it.
[[nodiscard]] std::string mermaid(const Drawing& drawing);
/// Graphviz's language, for `dot -Tsvg`.
[[nodiscard]] std::string dot(const Drawing& drawing);

}  // namespace opaline::flow
