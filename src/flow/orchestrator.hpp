#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "contract/service.hpp"
#include "flow/expression.hpp"
#include "flow/graph.hpp"
#include "flow/step_call.hpp"
#include "flow/step_hooks.hpp"
#include "flow/step_report.hpp"
#include "flow/step_shape.hpp"
#include "flow/value_template.hpp"

namespace opaline::flow {

/// A step of a JSON flow. What is not set is as OPEA has it. Expressions see `request` (the
/// inputs), `steps.NAME` (what a step gave; null when it was passed over), and what is said below.
struct JsonStep {
  /// Of the kind `custom`. Null: the step chooses or computes, its `input` is its answer.
  contract::Service* service = nullptr;
  /// An LLM or LVM: the request's parameters are laid over its inputs, and it streams when a stream
  /// is wanted.
  bool generates = false;
  /// A flow inside that may stream: it does when a stream is wanted and nothing follows it.
  bool streams = false;
  contract::ServiceKind kind =
      contract::ServiceKind::custom;  ///< What its service is, for reports.
  std::optional<Expression> when;  ///< Otherwise it is passed over: what follows gets its inputs.
  Merge merge = Merge::update;
  std::optional<ValueTemplate> input;  ///< What it is sent, in place of the merged outputs.
  /// One service call for each element; the step's output is the list of answers. The element is
  /// seen by its name and its place as `index`.
  std::optional<MapPolicy> map;
  /// What it gives; `output` is what its service answered; of a map, for each element.
  std::optional<ValueTemplate> output;
  /// Asked the same when the service has failed; of a map, for each element. Null: nobody is.
  contract::Service* fallback = nullptr;
  /// For all that is asked of the service, see StepCall; of a map, for all elements together.
  std::optional<std::chrono::milliseconds> timeout;
  /// The first that holds is taken, the others are not run, whatever else leads to them. What is
  /// taken gets the step's `input`, or what the step itself would have.
  std::vector<SwitchArm> arms;
  OnError on_error = OnError::fail;
  /// OnError::step: this one, which follows it; it alone sees `error` {step, code, message}.
  Graph::Node handler = 0;

  [[nodiscard]] StepCall call() const {
    return {.service = service, .fallback = fallback, .timeout = timeout};
  }
};

/// Steps and how they follow one another.
struct JsonFlow {
  Graph graph;
  std::vector<JsonStep> steps;  ///< One a node, in node order.
  /// The flow's answer; nothing is streamed then. Without it that of its last step.
  std::optional<ValueTemplate> output;
  /// Of a whole request; never more than what is left of its own time.
  std::optional<std::chrono::milliseconds> timeout;
  /// A request with chat messages and without `text` gets their question as its `text`, which is
  /// what OPEA's megaservices give their first steps.
  bool question_is_text = false;
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
  std::vector<std::string> undecided;   ///< Switches of which no condition held.
  std::optional<boost::json::value> output;  ///< Of the flow, when it has one of its own.

  [[nodiscard]] JsonStepResult* find(std::string_view step);
  /// The results of steps that nothing follows, in the graph's order.
  [[nodiscard]] std::vector<JsonStepResult*> final_results();
  /// The flow's one answer: its own output if it has one, else that of its last step; of several
  /// last steps the stream, if one streams, else an object of their outputs by name.
  /// Null when all were passed over. @error failed_precondition: bytes beside other answers;
  /// invalid_argument: no step gave anything, since no condition of a switch held.
  [[nodiscard]] base::Result<JsonStepOutput> take_answer() &&;
};

/// Runs a graph whose steps hand on JSON, as OPEA's ServiceOrchestrator does. Immutable after
/// create; any I/O thread may call schedule(); requests share nothing. Must outlive every run.
///
/// - A step starts when all that lead to it have ended; it gets their outputs merged (of equal keys
///   the last predecessor's holds). Steps that nothing leads to get the request's inputs.
/// - `downstream_black_list` in an output, a list of regular expressions (RE2): following steps
///   whose names match are not run, whatever else leads to them. A list that cannot be read is an
///   error of the step. If none is left and a stream was wanted, the output's `text` is streamed as
///   OPEA's events.
/// - A generating step is streamed when nothing follows it; or exactly one step, which nothing
///   follows: then each sentence goes to that one as {"text": …}, and what it says is streamed (see
///   SentenceRelay). Otherwise it is asked for its whole answer.
class Orchestrator {
 public:
  /// @error failed_precondition: no step; invalid_argument: a service is missing or of another
  /// kind.
  [[nodiscard]] static base::Result<std::unique_ptr<Orchestrator>> create(JsonFlow flow);

  /// @param hooks may be null; must outlive the task. @param observer may be empty.
  /// @error of the first step that failed, led by "step 'name': "; the others are cancelled and
  /// awaited first. deadline_exceeded, cancelled: before a step was started.
  base::Task<base::Result<JsonFlowReply>> schedule(JsonFlowRequest request, base::Context context,
                                                   StepHooks* hooks, StepObserver observer) const;

  [[nodiscard]] const JsonFlow& flow() const { return flow_; }

 private:
  explicit Orchestrator(JsonFlow flow) : flow_(std::move(flow)) {}

  JsonFlow flow_;
};

}  // namespace opaline::flow
