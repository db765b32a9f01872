#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "flow/orchestrator.hpp"
#include "flow/run_stream.hpp"
#include "flow/step_loop.hpp"

namespace opaline::flow {

/// One request's way through a JSON flow. Lives in the frame of Orchestrator::schedule, on the
/// request's thread.
class JsonRun final : private StepLoop {
 public:
  /// @param graph this run's own. @param hooks may be null. Everything that is referred to must
  /// outlive the run.
  JsonRun(const JsonFlow& flow, Graph& graph, JsonFlowRequest request, base::Context context,
          StepHooks* hooks, StepObserver observer);

  base::Task<base::Result<JsonFlowReply>> reply();

 private:
  using Clock = base::Context::Clock;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  /// How a generating step answers.
  enum class Delivery { whole, streamed, relayed };
  /// Where what a step gets comes from.
  struct Sources {
    std::vector<bool> seen;  // Of each node, so that none is looked through twice.
    std::vector<Graph::Node> steps;
    bool request = false;
  };

  // The loop's.
  base::Task<> run_step(Graph::Node node) override;
  void before_start() override;
  void stop(Graph::Node node, base::Error error) override;

  // What a step gets.
  base::Task<base::Result<void>> call(Graph::Node node, Clock::time_point started);
  base::Result<boost::json::value> inputs_of(Graph::Node node) const;
  base::Result<boost::json::value> gather(Graph::Node node) const;
  void collect(Graph::Node node, Sources& sources) const;
  [[nodiscard]] Delivery delivery_of(Graph::Node node) const;
  void overlay(boost::json::value& inputs, Delivery delivery) const;
  [[nodiscard]] Scope scope_of(Graph::Node node) const;
  [[nodiscard]] HookSite site(Graph::Node node);

  // What it is.
  base::Result<void> choose(Graph::Node node);
  base::Task<base::Result<void>> map(Graph::Node node, Clock::time_point started);
  base::Result<boost::json::array> render_each(Graph::Node node, const ValueTemplate& each,
                                               const boost::json::array& items,
                                               const boost::json::array* answers) const;

  // What comes out.
  void take_stream(Graph::Node node, Clock::time_point started, Delivery delivery,
                   std::unique_ptr<contract::ByteStream> stream);
  base::Task<base::Result<void>> accept(Graph::Node node, JsonOrBytes output,
                                        boost::json::value inputs);
  base::Result<void> put_shaped(Graph::Node node, boost::json::value output);
  base::Result<bool> cut_black_list(Graph::Node node, const boost::json::value& output);
  void put(Graph::Node node, JsonStepOutput output);

  // How it ends.
  void succeeded(Graph::Node node);
  void failed(Graph::Node node, base::Error error);
  /// The run does not go on from `node` to `next`.
  void leave_out(Graph::Node node, Graph::Node next);
  void finish(Graph::Node node);
  [[nodiscard]] std::vector<std::string> reached() const;
  [[nodiscard]] StepObserver observer_inside(Graph::Node node) const;
  void report(Graph::Node node, Clock::time_point started, const base::Error* error,
              std::optional<contract::Usage> usage = {}) const;

  const JsonFlow& flow_;
  Graph& graph_;
  const std::vector<Graph::Node> roots_;
  const JsonFlowRequest request_;
  StepHooks* const hooks_;  // Null: none.
  StepObserver observer_;
  std::vector<JsonStepResult> results_;
  std::vector<std::size_t> places_;         // Of each node's result; kNone without one.
  std::vector<boost::json::value> faults_;  // What a step that handles an error is told; else null.
  std::map<Graph::Node, base::Error> when_errors_;  // Why a condition could not be decided.
  std::vector<bool> uncalled_;          // It runs only when a step says so, and none did.
  std::vector<Graph::Node> left_out_;   // To be reconsidered when the step has ended.
  std::vector<std::string> undecided_;  // Switches of which no condition held.
  std::vector<RunStream*> streams_;     // Among the results.
};

}  // namespace opaline::flow
