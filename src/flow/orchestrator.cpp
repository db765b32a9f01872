#include "flow/orchestrator.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "flow/sentence_relay.hpp"
#include "flow/step_loop.hpp"
#include "flow/step_stream.hpp"

namespace opaline::flow {
namespace json = boost::json;
namespace {

using Clock = base::Context::Clock;
using contract::ServiceKind;

base::Error failure(std::string message) {
  return {.code = base::ErrorCode::internal, .message = std::move(message), .detail = {}};
}

/// A streamed answer that outlives its run: keeps what it needs, and reports its step when it ends.
class RunStream final : public contract::ByteStream {
 public:
  struct Step {
    std::string name;
    Clock::time_point started;
  };

  RunStream(std::unique_ptr<contract::ByteStream> answer, Step step, StepObserver observer,
            std::shared_ptr<base::Cancellation> cancellation)
      : cancellation_(std::move(cancellation)),
        observer_(std::move(observer)),
        step_(std::move(step)),
        answer_(std::move(answer)) {}
  ~RunStream() override {
    const base::Error dropped{.code = base::ErrorCode::cancelled,
                              .message = "the answer was not read to its end",
                              .detail = {}};
    end(&dropped);
  }
  RunStream(const RunStream&) = delete;
  RunStream& operator=(const RunStream&) = delete;

  [[nodiscard]] const std::string& content_type() const override { return answer_->content_type(); }
  base::Task<base::Result<std::optional<std::string>>> next() override {
    auto bytes = co_await answer_->next();
    if (!bytes) {
      bytes = base::fail(step_error(step_.name, std::move(bytes).error()));
      end(&bytes.error());
    } else if (!*bytes) {
      end(nullptr);
    }
    co_return bytes;
  }
  /// The tie that passes the request's cancellation on to the run's, which ends when the run does.
  void keep(std::shared_ptr<base::Cancellation::Registration> tie) { tie_ = std::move(tie); }

 private:
  void end(const base::Error* error) {
    if (std::exchange(ended_, true) || !observer_) return;
    observer_({.step = step_.name,
               .kind = ServiceKind::custom,
               .took = Clock::now() - step_.started,
               .error = error});
  }

  // In this order: the answer goes first, while its cancellation can still be asked.
  std::shared_ptr<base::Cancellation> cancellation_;
  std::shared_ptr<base::Cancellation::Registration> tie_;  // Of all streams of the run.
  StepObserver observer_;
  Step step_;
  bool ended_ = false;
  std::unique_ptr<contract::ByteStream> answer_;
};

/// One request's way through a JSON flow. Lives in the frame of Orchestrator::schedule.
class JsonRun final : private StepLoop {
 public:
  JsonRun(const std::vector<JsonStep>& steps, Graph& graph, JsonFlowRequest request,
          base::Context context, StepHooks* hooks, StepObserver observer)
      : StepLoop(graph, std::move(context)),
        steps_(steps),
        graph_(graph),
        roots_(roots_of(graph)),
        request_(std::move(request)),
        hooks_(hooks),
        observer_(std::move(observer)),
        places_(graph.size(), kNone) {}

  base::Task<base::Result<JsonFlowReply>> reply() {
    co_await drive();
    if (error()) {
      results_.clear();
      co_return base::fail(*std::move(error()));
    }
    const auto tie = std::make_shared<base::Cancellation::Registration>(take_tie());
    for (RunStream* stream : streams_) stream->keep(tie);
    JsonFlowReply reply{.results = std::move(results_), .graph = graph_, .reached = reached()};
    co_return reply;
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  static std::vector<Graph::Node> roots_of(const Graph& graph) {
    std::vector<Graph::Node> roots;
    for (Graph::Node node = 0; node < graph.size(); ++node) {
      if (graph.predecessors(node).empty()) roots.push_back(node);
    }
    return roots;
  }

  HookSite site(Graph::Node node) {
    return {.step = graph_.name(node), .graph = graph_, .parameters = request_.parameters};
  }

  base::Task<> run_step(Graph::Node node) override {
    const Clock::time_point started = Clock::now();
    base::Result<void> done = base::fail(failure("the step failed unexpectedly"));
    try {
      // A step that ends without a word would leave the run waiting for ever.
      done = co_await call(node, started);
    } catch (...) {
      base::log_exception("step_threw", std::current_exception());
    }
    if (done) {
      plan().finish(node);
      co_return;
    }
    report(graph_.name(node), started, &done.error());
    fail(node, std::move(done).error());
  }

  base::Task<base::Result<void>> call(Graph::Node node, Clock::time_point started) {
    const JsonStep& step = steps_[node];
    const Delivery delivery = step.generates ? delivery_of(node) : Delivery::whole;
    OPALINE_CO_TRY(json::value inputs, gather(node));
    if (step.generates) overlay(inputs, delivery);
    if (hooks_) {
      OPALINE_CO_TRY(inputs, co_await hooks_->align_inputs(std::move(inputs), site(node)));
    }

    contract::JsonRequest request{.body = hooks_ ? inputs : std::move(inputs),
                                  .stream = delivery != Delivery::whole};
    OPALINE_CO_TRY(contract::Reply reply,
                   co_await step.service->call(std::move(request), context().child()));
    if (auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&reply)) {
      if (delivery == Delivery::whole) co_return base::fail(failure("it streamed unasked"));
      take_stream(node, started, delivery, std::move(*stream));
      co_return base::Result<void>();
    }
    JsonOrBytes output;
    if (auto* value = std::get_if<contract::JsonReply>(&reply)) {
      output = std::move(value->body);
    } else if (auto* bytes = std::get_if<contract::BytesReply>(&reply)) {
      output = std::move(*bytes);
    } else {
      co_return base::fail(failure("the service answered with another kind of reply"));
    }
    OPALINE_CO_TRY_DO(co_await accept(node, std::move(output), std::move(inputs)));
    report(graph_.name(node), started, nullptr);
    co_return base::Result<void>();
  }

  // --- What goes in.

  base::Result<json::value> gather(Graph::Node node) {
    const std::vector<Graph::Node>& before = graph_.predecessors(node);
    std::vector<const json::value*> parts;
    for (const Graph::Node one : before) {
      // One that was passed over by a stream has none.
      if (places_[one] == kNone) continue;
      const auto* value = std::get_if<json::value>(&results_[places_[one]].output);
      if (value == nullptr) {
        return base::fail(failure("step '" + graph_.name(one) +
                                  "' before it did not answer with JSON; a hook must make some"));
      }
      parts.push_back(value);
    }
    if (parts.empty()) return request_.inputs;
    if (parts.size() == 1) return *parts.front();
    json::object merged;
    for (const json::value* part : parts) {
      const auto* object = part->if_object();
      if (object == nullptr) {
        return base::fail(failure(
            "the outputs of the steps before it cannot be merged: one of them is no JSON object"));
      }
      for (const auto& [key, value] : *object) merged.insert_or_assign(key, value);
    }
    return json::value(std::move(merged));
  }

  enum class Delivery { whole, streamed, relayed };

  /// How a generating step answers.
  Delivery delivery_of(Graph::Node node) const {
    if (!request_.stream) return Delivery::whole;
    const std::vector<Graph::Node>& after = graph_.successors(node);
    if (after.empty()) return Delivery::streamed;
    const bool relayed = after.size() == 1 && graph_.successors(after.front()).empty() &&
                         graph_.predecessors(after.front()).size() == 1;
    return relayed ? Delivery::relayed : Delivery::whole;
  }

  void overlay(json::value& inputs, Delivery delivery) const {
    if (!inputs.is_object()) return;
    json::object& object = inputs.get_object();
    for (const auto& [key, value] : request_.parameters) object.insert_or_assign(key, value);
    object.insert_or_assign("stream", delivery != Delivery::whole);
  }

  // --- What comes out.

  void take_stream(Graph::Node node, Clock::time_point started, Delivery delivery,
                   std::unique_ptr<contract::ByteStream> stream) {
    Graph::Node place = node;
    if (delivery == Delivery::relayed) {
      place = graph_.successors(node).front();
      plan().skip(place);
      stream = std::make_unique<SentenceRelay>(std::move(stream), *steps_[place].service,
                                               graph_.name(place), context());
    }
    auto kept = std::make_unique<RunStream>(
        std::move(stream), RunStream::Step{.name = graph_.name(node), .started = started},
        observer_, cancellation());
    streams_.push_back(kept.get());
    put(place, std::unique_ptr<contract::ByteStream>(std::move(kept)));
  }

  base::Task<base::Result<void>> accept(Graph::Node node, JsonOrBytes output, json::value inputs) {
    json::value value;
    if (hooks_) {
      OPALINE_CO_TRY(value, co_await hooks_->align_outputs(std::move(output), inputs, site(node)));
    } else if (auto* bytes = std::get_if<contract::BytesReply>(&output)) {
      put(node, std::move(*bytes));
      co_return base::Result<void>();
    } else {
      value = std::get<json::value>(std::move(output));
    }
    const bool blocked = cut_black_list(node, value);
    const auto* object = value.if_object();
    const auto* text = object ? object->if_contains("text") : nullptr;
    if (blocked && request_.stream && text != nullptr && text->is_string()) {
      put(node, std::make_unique<TextStream>(text->get_string()));
    } else {
      put(node, std::move(value));
    }
    co_return base::Result<void>();
  }

  /// @return whether there was a list, and nothing follows `node` any more.
  bool cut_black_list(Graph::Node node, const json::value& output) {
    const auto* object = output.if_object();
    const auto* list = object ? object->if_contains("downstream_black_list") : nullptr;
    const auto* patterns = list ? list->if_array() : nullptr;
    if (patterns == nullptr || patterns->empty()) return false;
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(limits::kPatternBytes);
    for (const json::value& one : *patterns) {
      if (!one.is_string()) continue;
      const std::string_view text = one.get_string();
      const RE2 pattern(re2::StringPiece(text.data(), text.size()), options);
      if (!pattern.ok()) {
        base::log(base::LogLevel::warning, "black_list_pattern_ignored",
                  {{"step", graph_.name(node)}, {"reason", pattern.error()}});
        continue;
      }
      const std::vector<Graph::Node> after = graph_.successors(node);
      for (const Graph::Node next : after) {
        if (RE2::PartialMatch(graph_.name(next), pattern)) graph_.disconnect(node, next);
      }
    }
    return graph_.successors(node).empty();
  }

  void put(Graph::Node node, JsonStepOutput output) {
    places_[node] = results_.size();
    results_.push_back({.step = graph_.name(node), .output = std::move(output)});
  }

  // --- The end.

  /// A stream that is waited for no more is ended before its step's error is told.
  void stop(Graph::Node node, base::Error error) override {
    for (JsonStepResult& result : results_) {
      if (auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&result.output)) {
        stream->reset();
      }
    }
    streams_.clear();
    StepLoop::stop(node, std::move(error));
  }

  std::vector<std::string> reached() const {
    std::vector<bool> seen(graph_.size());
    std::vector<Graph::Node> open = roots_;
    while (!open.empty()) {
      const Graph::Node node = open.back();
      open.pop_back();
      if (seen[node]) continue;
      seen[node] = true;
      for (const Graph::Node next : graph_.successors(node)) open.push_back(next);
    }
    std::vector<std::string> names;
    for (Graph::Node node = 0; node < graph_.size(); ++node) {
      if (seen[node]) names.push_back(graph_.name(node));
    }
    return names;
  }

  void report(const std::string& step, Clock::time_point started, const base::Error* error) const {
    if (!observer_) return;
    observer_({.step = step,
               .kind = ServiceKind::custom,
               .took = Clock::now() - started,
               .error = error});
  }

  const std::vector<JsonStep>& steps_;
  Graph& graph_;
  const std::vector<Graph::Node> roots_;
  const JsonFlowRequest request_;
  StepHooks* const hooks_;  // Null: none.
  StepObserver observer_;
  std::vector<JsonStepResult> results_;
  std::vector<std::size_t> places_;  // Of each node's result; kNone without one.
  std::vector<RunStream*> streams_;  // Among the results.
};

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

Orchestrator::Orchestrator(Graph graph, std::vector<JsonStep> steps)
    : graph_(std::move(graph)), steps_(std::move(steps)) {}

base::Result<std::unique_ptr<Orchestrator>> Orchestrator::create(Graph graph,
                                                                 std::vector<JsonStep> steps) {
  if (graph.empty()) {
    return base::fail(base::ErrorCode::failed_precondition, "the flow has no step");
  }
  for (Graph::Node node = 0; node < graph.size(); ++node) {
    if (node < steps.size() && steps[node].service != nullptr &&
        steps[node].service->kind() == ServiceKind::custom) {
      continue;
    }
    return base::fail(step_error(graph.name(node), {.code = base::ErrorCode::invalid_argument,
                                                    .message = "it has no service that takes JSON",
                                                    .detail = {}}));
  }
  if (steps.size() != graph.size()) {
    return base::fail(base::ErrorCode::invalid_argument, "the flow has fewer steps than services");
  }
  return std::unique_ptr<Orchestrator>(new Orchestrator(std::move(graph), std::move(steps)));
}

base::Task<base::Result<JsonFlowReply>> Orchestrator::schedule(JsonFlowRequest request,
                                                               base::Context context,
                                                               StepHooks* hooks,
                                                               StepObserver observer) const {
  Graph graph = graph_;
  JsonRun run(steps_, graph, std::move(request), std::move(context), hooks, std::move(observer));
  co_return co_await run.reply();
}

}  // namespace opaline::flow
