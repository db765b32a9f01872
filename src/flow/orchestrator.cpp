#include "flow/orchestrator.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "contract/retrieval_json.hpp"
#include "flow/json_run.hpp"

namespace opaline::flow {
namespace {

using base::ErrorCode;

/// What is wrong with a step, if anything is.
std::optional<std::string> wrong(const JsonFlow& flow, Graph::Node node) {
  const JsonStep& step = flow.steps[node];
  const std::vector<Graph::Node>& after = flow.graph.successors(node);
  const auto follows = [&](Graph::Node next) {
    return std::ranges::find(after, next) != after.end();
  };
  const bool computes = !step.arms.empty() || (step.input && !step.map);
  if (step.service == nullptr && !computes) return "it has no service that takes JSON";
  if (step.service != nullptr && step.service->kind() != contract::ServiceKind::custom) {
    return "it has no service that takes JSON";
  }
  if (step.fallback != nullptr && step.fallback->kind() != contract::ServiceKind::custom) {
    return "its fallback takes no JSON";
  }
  if (step.map && (step.map->concurrency < 1 || step.map->concurrency > limits::kMapConcurrency)) {
    return "its map has a concurrency out of range";
  }
  if (!std::ranges::all_of(step.arms, follows, &SwitchArm::then)) {
    return "it chooses a step that does not follow it";
  }
  if (step.on_error == OnError::step && !follows(step.handler)) {
    return "its errors are handled by a step that does not follow it";
  }
  return {};
}

void add_question(boost::json::value& inputs) {
  boost::json::object* const object = inputs.if_object();
  if (object == nullptr || object->contains("text")) return;
  const boost::json::value* const messages = object->if_contains("messages");
  if (messages == nullptr) return;
  std::string question = contract::question_of_messages(*messages);
  if (!question.empty()) object->emplace("text", std::move(question));
}

}  // namespace

JsonStepResult* JsonFlowReply::find(std::string_view step) {
  const auto found = std::ranges::find(results, step, &JsonStepResult::step);
  return found == results.end() ? nullptr : &*found;
}

std::vector<JsonStepResult*> JsonFlowReply::final_results() {
  std::vector<JsonStepResult*> found;
  for (const std::string& step : reached) {
    if (!graph.successors(graph.find(step).value()).empty()) continue;
    if (JsonStepResult* result = find(step)) found.push_back(result);
  }
  return found;
}

base::Result<JsonStepOutput> JsonFlowReply::take_answer() && {
  if (output) return JsonStepOutput(*std::move(output));
  const std::vector<JsonStepResult*> last = final_results();
  if (last.empty() && !undecided.empty()) {
    return base::fail(ErrorCode::invalid_argument,
                      "no condition of the switch '" + undecided.front() +
                          "' holds for this request, so no step answered");
  }
  if (last.empty()) return JsonStepOutput(boost::json::value());  // All were passed over.
  if (last.size() == 1) return std::move(last.front()->output);
  boost::json::object all;
  for (JsonStepResult* result : last) {
    if (std::holds_alternative<std::unique_ptr<contract::ByteStream>>(result->output)) {
      return std::move(result->output);
    }
    if (const auto* bytes = std::get_if<contract::BytesReply>(&result->output)) {
      return base::fail(ErrorCode::failed_precondition,
                        "step '" + result->step + "' answered with " + bytes->content_type +
                            ", which cannot stand beside the answers of other last steps");
    }
    all.emplace(result->step, std::get<boost::json::value>(std::move(result->output)));
  }
  return JsonStepOutput(boost::json::value(std::move(all)));
}

base::Result<std::unique_ptr<Orchestrator>> Orchestrator::create(JsonFlow flow) {
  if (flow.graph.empty()) {
    return base::fail(ErrorCode::failed_precondition, "the flow has no step");
  }
  if (flow.steps.size() != flow.graph.size()) {
    return base::fail(ErrorCode::invalid_argument, "the flow has not one step a node");
  }
  for (Graph::Node node = 0; node < flow.graph.size(); ++node) {
    if (const auto what = wrong(flow, node)) {
      return base::fail(
          step_error(flow.graph.name(node),
                     {.code = ErrorCode::invalid_argument, .message = *what, .detail = {}}));
    }
  }
  return std::unique_ptr<Orchestrator>(new Orchestrator(std::move(flow)));
}

base::Task<base::Result<JsonFlowReply>> Orchestrator::schedule(JsonFlowRequest request,
                                                               base::Context context,
                                                               StepHooks* hooks,
                                                               StepObserver observer) const {
  if (flow_.timeout) context = context.within(*flow_.timeout);
  if (flow_.question_is_text) add_question(request.inputs);
  Graph graph = flow_.graph;
  JsonRun run(flow_, graph, std::move(request), std::move(context), hooks, std::move(observer));
  co_return co_await run.reply();
}

}  // namespace opaline::flow
