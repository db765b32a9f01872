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
///      ├──(skip(), all predecessors ended)──┴──(skip())──► skipped
///      └──(drop(), or all predecessors dropped)──► dropped
///
/// A step has ended when it is done or skipped: a skipped step is passed over, so what follows it
/// still waits for what led to it. Invariant: no step is ready before every step above it ended;
/// each is started at most once; after abort() or fail() nothing becomes ready. The graph must
/// outlive the plan.
///
/// The graph may lose and gain edges during the run, between calls: what counts for a step is the
/// graph as it is when one that leads to it ends. A step that loses all that led to it is not
/// started. A dropped step is one that this run does not come by: what follows it waits only for
/// the others that lead there, and is dropped too when there are none.
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
  /// This run does not come by the step. REQUIRES: it waits; else it does nothing.
  void drop(Graph::Node node);
  /// An edge that led to `node` was taken away: it may be ready now, or dropped.
  void reconsider(Graph::Node node);
  /// Nothing more may start.
  void abort();

  /// Steps that take_ready() would take, in order.
  [[nodiscard]] const std::vector<Graph::Node>& ready() const OPALINE_LIFETIME_BOUND {
    return ready_;
  }
  [[nodiscard]] bool complete() const;  ///< Nothing runs and nothing can become ready.
  [[nodiscard]] bool done(Graph::Node node) const { return states_[node] == State::done; }
  [[nodiscard]] bool skipped(Graph::Node node) const { return states_[node] == State::skipped; }
  [[nodiscard]] bool dropped(Graph::Node node) const { return states_[node] == State::dropped; }
  [[nodiscard]] std::size_t running() const { return running_; }

 private:
  /// `passed_over` waits as `waiting` does, to become skipped instead of ready.
  enum class State : std::uint8_t {
    waiting,
    passed_over,
    ready,
    running,
    done,
    failed,
    skipped,
    dropped
  };

  /// `node` ended as `state`; what waited for nothing else becomes ready, or skipped in turn.
  void settle(Graph::Node node, State state);
  void make_ready(Graph::Node node);
  /// What `node` becomes now, and in turn what follows it.
  void consider(std::vector<Graph::Node> nodes);
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
