#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"

namespace opaline::python {

/// A directed graph of named nodes that stays free of cycles: what comps.cores.mega.dag.DAG is.
/// Nodes and the edges of a node keep the order in which they came. A value: a request copies the
/// megaservice's graph and edits its own copy. Not for several threads at once.
class Graph {
 public:
  using Names = std::vector<std::string>;
  struct Node {
    std::string name;
    Names downstream;
  };

  /// @error already_exists.
  [[nodiscard]] base::Result<void> add_node(std::string_view name);
  /// With its edges. @error not_found.
  [[nodiscard]] base::Result<void> delete_node(std::string_view name);
  /// Does nothing when the edge is there. @error not_found: a node is missing; failed_precondition:
  /// the edge would close a cycle.
  [[nodiscard]] base::Result<void> add_edge(std::string_view from, std::string_view to);
  /// @error not_found.
  [[nodiscard]] base::Result<void> delete_edge(std::string_view from, std::string_view to);
  void clear();

  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] bool contains(std::string_view name) const { return find(name) != nullptr; }
  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }
  [[nodiscard]] Names predecessors(std::string_view name) const;
  /// @error not_found.
  [[nodiscard]] base::Result<Names> downstream(std::string_view name) const;
  /// Everything that is reached from `name`, in topological order. @error not_found.
  [[nodiscard]] base::Result<Names> all_downstreams(std::string_view name) const;
  /// Nodes that no edge leads to.
  [[nodiscard]] Names independent() const;
  /// Nodes that no edge leads from.
  [[nodiscard]] Names leaves() const;
  /// Each node after its predecessors; of those that are free the one that became so last.
  /// @error failed_precondition: there is a cycle, which only replace() can bring.
  [[nodiscard]] base::Result<Names> topological_order() const;
  /// Some node is independent and there is no cycle.
  [[nodiscard]] bool valid() const;

  /// Takes nodes and edges as they are. An edge to a node that is not there is kept out.
  void replace(std::vector<Node> nodes);

 private:
  [[nodiscard]] const Node* find(std::string_view name) const;
  [[nodiscard]] Node* find(std::string_view name);
  [[nodiscard]] bool reaches(std::string_view from, std::string_view to) const;

  std::vector<Node> nodes_;  // A flow has a handful: looking through them beats a table.
};

}  // namespace opaline::python
