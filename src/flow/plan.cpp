#include "flow/plan.hpp"

#include <algorithm>
#include <utility>

namespace opaline::flow {

Plan::Plan(const Graph& graph) : graph_(graph), states_(graph.size(), State::waiting) {
  for (Graph::Node node = 0; node < graph.size(); ++node) {
    if (graph.predecessors(node).empty()) make_ready(node);
  }
}

std::vector<Graph::Node> Plan::take_ready() {
  for (const Graph::Node node : ready_) states_[node] = State::running;
  running_ += ready_.size();
  return std::exchange(ready_, {});
}

void Plan::finish(Graph::Node node) {
  OPALINE_ASSERT(states_[node] == State::running);
  --running_;
  settle(node, State::done);
}

void Plan::fail(Graph::Node node) {
  OPALINE_ASSERT(states_[node] == State::running);
  --running_;
  states_[node] = State::failed;
  abort();
}

void Plan::skip(Graph::Node node) {
  switch (states_[node]) {
    case State::waiting: states_[node] = State::passed_over; return;
    case State::ready:
      std::erase(ready_, node);
      settle(node, State::skipped);
      return;
    case State::passed_over:
    case State::skipped:
    case State::dropped: return;
    case State::running:
    case State::done:
    case State::failed: break;
  }
  OPALINE_ASSERT(!"skip() of a step that was started");
}

void Plan::abort() {
  aborted_ = true;
  ready_.clear();
}

bool Plan::complete() const { return running_ == 0 && ready_.empty(); }

void Plan::settle(Graph::Node node, State state) {
  states_[node] = state;
  consider(graph_.successors(node));
}

void Plan::drop(Graph::Node node) {
  if (states_[node] == State::ready) std::erase(ready_, node);
  if (states_[node] != State::waiting && states_[node] != State::passed_over &&
      states_[node] != State::ready) {
    return;
  }
  settle(node, State::dropped);
}

void Plan::reconsider(Graph::Node node) { consider({node}); }

void Plan::consider(std::vector<Graph::Node> nodes) {
  while (!nodes.empty()) {
    const Graph::Node node = nodes.back();
    nodes.pop_back();
    // With edges of the run's own, one that was started may follow.
    if (states_[node] != State::waiting && states_[node] != State::passed_over) continue;
    const std::vector<Graph::Node>& before = graph_.predecessors(node);
    const auto over = [this](Graph::Node one) { return ended(one) || dropped(one); };
    if (!std::ranges::all_of(before, over)) continue;
    const bool reached =
        std::ranges::any_of(before, [this](Graph::Node one) { return ended(one); });
    if (reached && states_[node] == State::waiting) {
      make_ready(node);
      continue;
    }
    states_[node] = reached ? State::skipped : State::dropped;
    nodes.insert(nodes.end(), graph_.successors(node).begin(), graph_.successors(node).end());
  }
}

void Plan::make_ready(Graph::Node node) {
  if (aborted_) return;
  states_[node] = State::ready;
  ready_.insert(std::ranges::upper_bound(ready_, node), node);
}

}  // namespace opaline::flow
