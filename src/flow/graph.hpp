#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "base/result.hpp"

namespace opaline::flow {

/// A directed graph without cycles over named steps. A value; the names are its keys, the order of
/// adding is kept.
class Graph {
 public:
  using Node = std::size_t;

  /// @error already_exists.
  [[nodiscard]] base::Result<Node> add(std::string name);
  /// Connecting twice changes nothing.
  /// @error invalid_argument: the edge would close a cycle; the message is its path, "a >> b >> a".
  [[nodiscard]] base::Result<void> connect(Node from, Node to);
  /// Takes the edge away; nothing without one.
  void disconnect(Node from, Node to);
  /// Takes all edges of `node` away: a run reaches it no more. The node itself stays.
  void isolate(Node node);

  [[nodiscard]] std::size_t size() const { return names_.size(); }
  [[nodiscard]] bool empty() const { return names_.empty(); }
  [[nodiscard]] const std::string& name(Node node) const OPALINE_LIFETIME_BOUND {
    return names_[node];
  }
  [[nodiscard]] std::optional<Node> find(std::string_view name) const;
  /// In the order in which they were connected.
  [[nodiscard]] const std::vector<Node>& predecessors(Node node) const OPALINE_LIFETIME_BOUND {
    return before_[node];
  }
  [[nodiscard]] const std::vector<Node>& successors(Node node) const OPALINE_LIFETIME_BOUND {
    return after_[node];
  }
  /// Nodes that nothing follows, in order.
  [[nodiscard]] std::vector<Node> leaves() const;

  friend bool operator==(const Graph&, const Graph&) = default;

 private:
  /// A shortest path, both ends included; empty when there is none.
  [[nodiscard]] std::vector<Node> path(Node from, Node to) const;

  std::vector<std::string> names_;
  std::vector<std::vector<Node>> before_;
  std::vector<std::vector<Node>> after_;
};

}  // namespace opaline::flow
