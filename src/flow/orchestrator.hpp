#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "contract/service.hpp"
#include "flow/graph.hpp"
#include "flow/step_hooks.hpp"
#include "flow/step_report.hpp"

namespace opaline::flow {

/// A step of a JSON flow.
struct JsonStep {
  contract::Service* service = nullptr;  ///< Of the kind `custom`.
  /// An LLM or LVM: the request's parameters are laid over its inputs, and it streams when a stream
  /// is wanted.
  bool generates = false;
};

/// One request to a JSON flow.
struct JsonFlowRequest {
  boost::json::value inputs;       ///< Of the steps that nothing leads to.
  boost::json::object parameters;  ///< For the steps that generate; `stream` is set by us.
  bool stream = false;
};

using JsonStepOutput =
    std::variant<boost::json::value, contract::BytesReply, std::unique_ptr<contract::ByteStream>>;

struct JsonStepResult {
  std::string step;
  JsonStepOutput output;
};

/// What a run left.
struct JsonFlowReply {
  std::vector<JsonStepResult> results;  ///< Of all steps that were run, in the order they ended.
  Graph graph;                          ///< As the run changed it.
  std::vector<std::string> reached;     ///< Steps that this graph leads to, in its order.

  [[nodiscard]] JsonStepResult* find(std::string_view step);
  /// The results of steps that nothing follows, in the graph's order.
  [[nodiscard]] std::vector<JsonStepResult*> final_results();
};

/// Runs a graph whose steps hand on JSON, as OPEA's ServiceOrchestrator does. Immutable after
/// create; any I/O thread may call schedule(); requests share nothing. Must outlive every run.
///
/// - A step starts when all that lead to it have ended; it gets their outputs merged (of equal keys
///   the last predecessor's holds). Steps that nothing leads to get the request's inputs.
/// - `downstream_black_list` in an output, a list of regular expressions (RE2): following steps
///   whose names match are not reached from there. If none is left and a stream was wanted, the
///   output's `text` is streamed as OPEA's events.
/// - A generating step is streamed when nothing follows it; or exactly one step, which nothing
///   follows: then each sentence goes to that one as {"text": …}, and what it says is streamed (see
///   SentenceRelay). Otherwise it is asked for its whole answer.
class Orchestrator {
 public:
  /// @param steps one a node of the graph, in node order. @error failed_precondition: no step;
  /// invalid_argument: a service is missing or of another kind.
  [[nodiscard]] static base::Result<std::unique_ptr<Orchestrator>> create(
      Graph graph, std::vector<JsonStep> steps);

  /// @param hooks may be null; must outlive the task. @param observer may be empty.
  /// @error of the first step that failed, led by "step 'name': "; the others are cancelled and
  /// awaited first. deadline_exceeded, cancelled: before a step was started.
  base::Task<base::Result<JsonFlowReply>> schedule(JsonFlowRequest request, base::Context context,
                                                   StepHooks* hooks, StepObserver observer) const;

  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] const std::vector<JsonStep>& steps() const { return steps_; }

 private:
  Orchestrator(Graph graph, std::vector<JsonStep> steps);

  Graph graph_;
  std::vector<JsonStep> steps_;
};

}  // namespace opaline::flow
