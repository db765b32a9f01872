#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.hpp"
#include "flow/graph.hpp"

namespace opaline::flow {

/// What is to be started next in one run of a graph. Pure: no I/O, no time; fed with what happened.
///
///   waiting ──(all predecessors ended)──► ready ──take_ready()──► running ──finish()──► done
///      │                                    │                        └──────fail()────► failed
///      └──(skip(), all predecessors ended)──┴──(skip())──► skipped
///
/// A step has ended when it is done or skipped: a skipped step is passed over, so what follows it
/// still waits for what led to it. Invariant: no step is ready before every step above it ended;
/// each is started at most once; after abort() or fail() nothing becomes ready. The graph must
/// outlive the plan.
///
/// The graph may lose and gain edges during the run, between calls: what counts for a step is the
/// graph as it is when one that leads to it ends. A step that loses all that led to it is not
/// started.
class Plan {
 public:
  explicit Plan(const Graph& graph OPALINE_LIFETIME_BOUND);

  /// Takes the steps that may start now, in order of their nodes, and marks them running.
  [[nodiscard]] std::vector<Graph::Node> take_ready();
  /// `node` ended well. REQUIRES: it is running.
  void finish(Graph::Node node);
  /// `node` ended badly: nothing more may start. REQUIRES: it is running.
  void fail(Graph::Node node);
  /// Takes a step out of this run. REQUIRES: it has not been started.
  void skip(Graph::Node node);
  /// Nothing more may start.
  void abort();

  /// Steps that take_ready() would take, in order.
  [[nodiscard]] const std::vector<Graph::Node>& ready() const OPALINE_LIFETIME_BOUND {
    return ready_;
  }
  [[nodiscard]] bool complete() const;  ///< Nothing runs and nothing can become ready.
  [[nodiscard]] bool done(Graph::Node node) const { return states_[node] == State::done; }
  [[nodiscard]] bool skipped(Graph::Node node) const { return states_[node] == State::skipped; }
  [[nodiscard]] std::size_t running() const { return running_; }

 private:
  /// `passed_over` waits as `waiting` does, to become skipped instead of ready.
  enum class State : std::uint8_t { waiting, passed_over, ready, running, done, failed, skipped };

  /// `node` ended as `state`; what waited for nothing else becomes ready, or skipped in turn.
  void settle(Graph::Node node, State state);
  void make_ready(Graph::Node node);
  [[nodiscard]] bool ended(Graph::Node node) const {
    return states_[node] == State::done || states_[node] == State::skipped;
  }

  const Graph& graph_;
  std::vector<State> states_;
  std::vector<Graph::Node> ready_;  // Sorted; empty once aborted.
  std::size_t running_ = 0;
  bool aborted_ = false;
};

}  // namespace opaline::flow
