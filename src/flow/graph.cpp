#include "flow/graph.hpp"

#include <algorithm>
#include <utility>

namespace opaline::flow {

base::Result<Graph::Node> Graph::add(std::string name) {
  if (std::ranges::find(names_, name) != names_.end()) {
    return base::fail(base::ErrorCode::already_exists,
                      "the graph has a step '" + name + "' already");
  }
  names_.push_back(std::move(name));
  before_.emplace_back();
  after_.emplace_back();
  return names_.size() - 1;
}

base::Result<void> Graph::connect(Node from, Node to) {
  OPALINE_ASSERT(from < size());
  OPALINE_ASSERT(to < size());
  if (std::ranges::find(after_[from], to) != after_[from].end()) return {};
  if (const std::vector<Node> back = path(to, from); !back.empty()) {
    std::string cycle = names_[from];
    for (const Node node : back) cycle += " >> " + names_[node];
    return base::fail(base::ErrorCode::invalid_argument, std::move(cycle));
  }
  after_[from].push_back(to);
  before_[to].push_back(from);
  return {};
}

void Graph::disconnect(Node from, Node to) {
  std::erase(after_[from], to);
  std::erase(before_[to], from);
}

void Graph::isolate(Node node) {
  for (const Node next : after_[node]) std::erase(before_[next], node);
  for (const Node last : before_[node]) std::erase(after_[last], node);
  after_[node].clear();
  before_[node].clear();
}

std::optional<Graph::Node> Graph::find(std::string_view name) const {
  const auto found = std::ranges::find(names_, name);
  if (found == names_.end()) return {};
  return static_cast<Node>(found - names_.begin());
}

std::vector<Graph::Node> Graph::leaves() const {
  std::vector<Node> found;
  for (Node node = 0; node < size(); ++node) {
    if (after_[node].empty()) found.push_back(node);
  }
  return found;
}

std::vector<Graph::Node> Graph::path(Node from, Node to) const {
  // Breadth first, so that the cycle a user reads is as short as it can be.
  constexpr Node kUnseen = static_cast<Node>(-1);
  std::vector<Node> came_from(size(), kUnseen);
  std::vector<Node> queue{from};
  came_from[from] = from;
  for (std::size_t next = 0; next < queue.size() && came_from[to] == kUnseen; ++next) {
    for (const Node successor : after_[queue[next]]) {
      if (came_from[successor] != kUnseen) continue;
      came_from[successor] = queue[next];
      queue.push_back(successor);
    }
  }
  if (came_from[to] == kUnseen) return {};
  std::vector<Node> steps{to};
  while (steps.back() != from) steps.push_back(came_from[steps.back()]);
  std::ranges::reverse(steps);
  return steps;
}

}  // namespace opaline::flow
