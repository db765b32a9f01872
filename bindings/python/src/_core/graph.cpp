#include "_core/graph.hpp"

#include <algorithm>
#include <utility>

namespace opaline::python {
namespace {

std::unexpected<base::Error> no_node(std::string_view name) {
  return base::fail(base::ErrorCode::not_found, "node " + std::string(name) + " is not in graph");
}

bool holds(const Graph::Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

const Graph::Node* Graph::find(std::string_view name) const {
  const auto found = std::ranges::find(nodes_, name, &Node::name);
  return found == nodes_.end() ? nullptr : &*found;
}

Graph::Node* Graph::find(std::string_view name) {
  return const_cast<Node*>(std::as_const(*this).find(name));
}

base::Result<void> Graph::add_node(std::string_view name) {
  if (contains(name))
    return base::fail(base::ErrorCode::already_exists,
                      "node " + std::string(name) + " already exists");
  nodes_.push_back({std::string(name), {}});
  return {};
}

base::Result<void> Graph::delete_node(std::string_view name) {
  const std::string own(name);  // `name` may lie in the node that goes.
  if (std::erase_if(nodes_, [&own](const Node& node) { return node.name == own; }) == 0)
    return base::fail(base::ErrorCode::not_found, "node " + own + " does not exist");
  for (Node& node : nodes_) std::erase(node.downstream, own);
  return {};
}

base::Result<void> Graph::add_edge(std::string_view from, std::string_view to) {
  Node* node = find(from);
  if (node == nullptr || !contains(to))
    return base::fail(base::ErrorCode::not_found, "one or more nodes do not exist in graph");
  if (holds(node->downstream, to)) return {};
  if (from == to || reaches(to, from))
    return base::fail(base::ErrorCode::failed_precondition, "validation error!");
  node->downstream.emplace_back(to);
  return {};
}

base::Result<void> Graph::delete_edge(std::string_view from, std::string_view to) {
  Node* node = find(from);
  if (node == nullptr || std::erase(node->downstream, to) == 0)
    return base::fail(base::ErrorCode::not_found, "this edge does not exist in graph");
  return {};
}

void Graph::clear() { nodes_.clear(); }

Graph::Names Graph::predecessors(std::string_view name) const {
  Names found;
  for (const Node& node : nodes_) {
    if (holds(node.downstream, name)) found.push_back(node.name);
  }
  return found;
}

base::Result<Graph::Names> Graph::downstream(std::string_view name) const {
  const Node* node = find(name);
  if (node == nullptr) return no_node(name);
  return node->downstream;
}

bool Graph::reaches(std::string_view from, std::string_view to) const {
  const auto reached = all_downstreams(from);
  return reached && holds(*reached, to);
}

base::Result<Graph::Names> Graph::all_downstreams(std::string_view name) const {
  if (!contains(name)) return no_node(name);
  Names reached;
  Names open{std::string(name)};
  while (!open.empty()) {
    const Node* node = find(open.back());
    open.pop_back();
    if (node == nullptr) continue;
    for (const std::string& next : node->downstream) {
      if (holds(reached, next)) continue;
      reached.push_back(next);
      open.push_back(next);
    }
  }
  OPALINE_TRY(Names order, topological_order());
  std::erase_if(order, [&reached](const std::string& one) { return !holds(reached, one); });
  return order;
}

Graph::Names Graph::independent() const {
  Names found;
  for (const Node& node : nodes_) {
    const bool led_to = std::ranges::any_of(
        nodes_, [&node](const Node& other) { return holds(other.downstream, node.name); });
    if (!led_to) found.push_back(node.name);
  }
  return found;
}

Graph::Names Graph::leaves() const {
  Names found;
  for (const Node& node : nodes_) {
    if (node.downstream.empty()) found.push_back(node.name);
  }
  return found;
}

base::Result<Graph::Names> Graph::topological_order() const {
  std::unordered_map<std::string_view, std::size_t> waits_for;
  for (const Node& node : nodes_) {
    for (const std::string& next : node.downstream) ++waits_for[next];
  }
  Names order;
  std::vector<const Node*> ready;
  for (const Node& node : nodes_) {
    if (!waits_for.contains(node.name)) ready.push_back(&node);
  }
  while (!ready.empty()) {
    const Node* node = ready.back();
    ready.pop_back();
    order.push_back(node->name);
    for (const std::string& next : node->downstream) {
      if (--waits_for[next] == 0) ready.push_back(find(next));
    }
  }
  if (order.size() != nodes_.size())
    return base::fail(base::ErrorCode::failed_precondition, "graph is not acyclic");
  return order;
}

bool Graph::valid() const { return !independent().empty() && topological_order().has_value(); }

void Graph::replace(std::vector<Node> nodes) {
  nodes_ = std::move(nodes);
  for (Node& node : nodes_) {
    std::erase_if(node.downstream, [this](const std::string& next) { return !contains(next); });
  }
}

}  // namespace opaline::python
