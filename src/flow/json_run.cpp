#include "flow/json_run.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "contract/chat_reply_json.hpp"
#include "flow/black_list.hpp"
#include "flow/map_call.hpp"
#include "flow/sentence_relay.hpp"
#include "flow/usage_stream.hpp"

namespace opaline::flow {
namespace json = boost::json;
namespace {

base::Error failure(std::string message) {
  return {.code = base::ErrorCode::internal, .message = std::move(message), .detail = {}};
}

/// Steps that run only when another one says so: arms of switches, and those that handle errors.
std::vector<bool> called_steps(const JsonFlow& flow) {
  std::vector<bool> called(flow.steps.size());
  for (const JsonStep& step : flow.steps) {
    for (const SwitchArm& arm : step.arms) called[arm.then] = true;
    if (step.on_error == OnError::step) called[step.handler] = true;
  }
  return called;
}

std::vector<Graph::Node> roots_of(const Graph& graph) {
  std::vector<Graph::Node> roots;
  for (Graph::Node node = 0; node < graph.size(); ++node) {
    if (graph.predecessors(node).empty()) roots.push_back(node);
  }
  return roots;
}

/// Whether the client asked for a chunk with the usage.
bool wants_usage(const json::value& request) {
  const auto member = [](const json::value* value, std::string_view name) {
    const json::object* object = value == nullptr ? nullptr : value->if_object();
    return object == nullptr ? nullptr : object->if_contains(name);
  };
  const json::value* wanted = member(member(&request, "stream_options"), "include_usage");
  return wanted != nullptr && wanted->is_bool() && wanted->get_bool();
}

/// Of all answers of a map; nothing when none told.
std::optional<contract::Usage> usage_of_all(const json::array& answers) {
  std::optional<contract::Usage> all;
  for (const json::value& answer : answers) {
    const auto one = contract::usage_of(answer);
    if (!one) continue;
    if (!all) all.emplace();
    all->prompt_tokens += one->prompt_tokens;
    all->completion_tokens += one->completion_tokens;
    all->cached_tokens += one->cached_tokens;
  }
  return all;
}

base::Result<json::value> merged(const std::vector<const json::value*>& parts, Merge how) {
  if (how == Merge::list) {
    json::array list;
    for (const json::value* part : parts) list.push_back(*part);
    return json::value(std::move(list));
  }
  if (how == Merge::first) {
    const auto found =
        std::ranges::find_if(parts, [](const json::value* one) { return !one->is_null(); });
    return found == parts.end() ? json::value() : **found;
  }
  if (parts.size() == 1) return *parts.front();
  json::object all;
  for (const json::value* part : parts) {
    const auto* object = part->if_object();
    if (object == nullptr) {
      return base::fail(failure(
          "the outputs of the steps before it cannot be merged: one of them is no JSON object"));
    }
    for (const auto& [key, value] : *object) all.insert_or_assign(key, value);
  }
  return json::value(std::move(all));
}

}  // namespace

JsonRun::JsonRun(const JsonFlow& flow, Graph& graph, JsonFlowRequest request, base::Context context,
                 StepHooks* hooks, StepObserver observer)
    : StepLoop(graph, std::move(context)),
      flow_(flow),
      graph_(graph),
      roots_(roots_of(graph)),
      request_(std::move(request)),
      hooks_(hooks),
      observer_(std::move(observer)),
      places_(graph.size(), kNone),
      faults_(graph.size()),
      uncalled_(called_steps(flow)) {}

base::Task<base::Result<JsonFlowReply>> JsonRun::reply() {
  co_await drive();
  if (error()) {
    results_.clear();
    co_return base::fail(*std::move(error()));
  }
  const auto tie = std::make_shared<base::Cancellation::Registration>(take_tie());
  for (RunStream* stream : streams_) stream->keep(tie);
  JsonFlowReply reply;
  if (flow_.output) {
    OPALINE_CO_TRY(reply.output, flow_.output->render(scope_of(0)));
  }
  reply.results = std::move(results_);
  reply.graph = graph_;
  reply.reached = reached();
  reply.undecided = std::move(undecided_);
  co_return reply;
}

// --- The loop's

void JsonRun::before_start() {
  // One that is passed over may make the next one ready, so look anew each time.
  for (std::size_t i = 0; i < plan().ready().size();) {
    const Graph::Node node = plan().ready()[i];
    if (uncalled_[node]) {
      // The steps that could have called it have ended or are not run; others lead here too.
      plan().drop(node);
      i = 0;
      continue;
    }
    const JsonStep& step = flow_.steps[node];
    bool runs = true;
    if (step.when) {
      auto holds = step.when->holds(scope_of(node));
      if (!holds && step.on_error == OnError::fail) {
        plan().abort();
        stop(node, std::move(holds).error());
        return;
      }
      // It is started, to fail as on_error says.
      if (!holds) when_errors_.emplace(node, std::move(holds).error());
      runs = holds.value_or(true);
    }
    if (!runs) plan().skip(node);
    i = runs ? i + 1 : 0;
  }
}

base::Task<> JsonRun::run_step(Graph::Node node) {
  const Clock::time_point started = Clock::now();
  base::Result<void> done = base::fail(failure("the step failed unexpectedly"));
  try {
    // A step that ends without a word would leave the run waiting for ever.
    done = co_await call(node, started);
  } catch (...) {
    base::log_exception("step_threw", std::current_exception());
  }
  if (done) {
    succeeded(node);
    co_return;
  }
  report(node, started, &done.error());
  failed(node, std::move(done).error());
}

/// A stream that is waited for no more is ended before its step's error is told.
void JsonRun::stop(Graph::Node node, base::Error error) {
  for (JsonStepResult& result : results_) {
    if (auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&result.output)) {
      stream->reset();
    }
  }
  streams_.clear();
  StepLoop::stop(node, std::move(error));
}

base::Task<base::Result<void>> JsonRun::call(Graph::Node node, Clock::time_point started) {
  const JsonStep& step = flow_.steps[node];
  if (auto found = when_errors_.find(node); found != when_errors_.end()) {
    co_return base::fail(std::move(found->second));
  }
  if (!step.arms.empty()) co_return choose(node);
  if (step.map) co_return co_await map(node, started);
  OPALINE_CO_TRY(json::value inputs, inputs_of(node));
  if (step.service == nullptr) co_return put_shaped(node, std::move(inputs));

  const bool streams = step.generates || (step.streams && graph_.successors(node).empty());
  const Delivery delivery = streams ? delivery_of(node) : Delivery::whole;
  if (step.generates) overlay(inputs, delivery);
  if (hooks_) {
    OPALINE_CO_TRY(inputs, co_await hooks_->align_inputs(std::move(inputs), site(node)));
  }
  contract::JsonRequest request{.body = hooks_ ? inputs : std::move(inputs),
                                .stream = delivery != Delivery::whole,
                                .observer = observer_inside(node)};
  OPALINE_CO_TRY(
      contract::Reply reply,
      co_await call_step(step.call(), std::move(request), context(), step.call().until(context())));
  if (auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&reply)) {
    if (delivery == Delivery::whole) co_return base::fail(failure("it streamed unasked"));
    take_stream(node, started, delivery, std::move(*stream));
    co_return base::Result<void>();
  }
  JsonOrBytes output;
  std::optional<contract::Usage> usage;
  if (auto* value = std::get_if<contract::JsonReply>(&reply)) {
    if (step.generates) usage = contract::usage_of(value->body);
    output = std::move(value->body);
  } else if (auto* bytes = std::get_if<contract::BytesReply>(&reply)) {
    output = std::move(*bytes);
  } else {
    co_return base::fail(failure("the service answered with another kind of reply"));
  }
  OPALINE_CO_TRY_DO(co_await accept(node, std::move(output), std::move(inputs)));
  report(node, started, nullptr, usage);
  co_return base::Result<void>();
}

// --- What a step gets

base::Result<json::value> JsonRun::inputs_of(Graph::Node node) const {
  const JsonStep& step = flow_.steps[node];
  return step.input ? step.input->render(scope_of(node)) : gather(node);
}

base::Result<json::value> JsonRun::gather(Graph::Node node) const {
  Sources sources{.seen = std::vector<bool>(graph_.size()),
                  .steps = {},
                  .request = graph_.predecessors(node).empty()};
  for (const Graph::Node before : graph_.predecessors(node)) collect(before, sources);
  std::vector<const json::value*> parts;
  if (sources.request) parts.push_back(&request_.inputs);
  for (const Graph::Node source : sources.steps) {
    const auto* value = std::get_if<json::value>(&results_[places_[source]].output);
    if (value == nullptr) {
      return base::fail(failure("step '" + graph_.name(source) +
                                "' before it did not answer with JSON; a hook must make some"));
    }
    parts.push_back(value);
  }
  if (parts.empty()) return json::value(json::object());
  return merged(parts, flow_.steps[node].merge);
}

/// The steps whose outputs `node` hands on: itself, or those before one that has none.
void JsonRun::collect(Graph::Node node, Sources& sources) const {
  if (sources.seen[node]) return;
  sources.seen[node] = true;
  if (places_[node] != kNone) {
    sources.steps.push_back(node);
    return;
  }
  if (plan().dropped(node)) return;
  if (graph_.predecessors(node).empty()) sources.request = true;
  for (const Graph::Node before : graph_.predecessors(node)) collect(before, sources);
}

JsonRun::Delivery JsonRun::delivery_of(Graph::Node node) const {
  if (!request_.stream || flow_.output || flow_.steps[node].output) return Delivery::whole;
  const std::vector<Graph::Node>& after = graph_.successors(node);
  if (after.empty()) return Delivery::streamed;
  const Graph::Node next = after.front();
  const JsonStep& step = flow_.steps[next];
  const bool plain = step.service != nullptr && !step.when && !step.input && !step.map &&
                     !step.output && flow_.steps[node].on_error == OnError::fail;
  const bool relayed = after.size() == 1 && plain && graph_.successors(next).empty() &&
                       graph_.predecessors(next).size() == 1;
  return relayed ? Delivery::relayed : Delivery::whole;
}

void JsonRun::overlay(json::value& inputs, Delivery delivery) const {
  if (!inputs.is_object()) return;
  json::object& object = inputs.get_object();
  for (const auto& [key, value] : request_.parameters) object.insert_or_assign(key, value);
  object.insert_or_assign("stream", delivery != Delivery::whole);
}

/// Refers to results_: good until the next step ends.
Scope JsonRun::scope_of(Graph::Node node) const {
  Scope scope;
  scope.set("request", request_.inputs);
  for (const JsonStepResult& result : results_) {
    if (const auto* value = std::get_if<json::value>(&result.output)) {
      scope.set_step(result.step, *value);
    }
  }
  if (!faults_[node].is_null()) scope.set("error", faults_[node]);
  return scope;
}

HookSite JsonRun::site(Graph::Node node) {
  return {.step = graph_.name(node), .graph = graph_, .parameters = request_.parameters};
}

// --- What it is

base::Result<void> JsonRun::choose(Graph::Node node) {
  const JsonStep& step = flow_.steps[node];
  const Scope scope = scope_of(node);
  std::optional<Graph::Node> chosen;
  for (const SwitchArm& arm : step.arms) {
    if (arm.when) {
      OPALINE_TRY(const bool holds, arm.when->holds(scope));
      if (!holds) continue;
    }
    chosen = arm.then;
    break;
  }
  if (chosen) uncalled_[*chosen] = false;
  if (!chosen) undecided_.push_back(graph_.name(node));
  for (const SwitchArm& arm : step.arms) {
    if (arm.then != chosen) leave_out(node, arm.then);
  }
  if (!step.input) return {};  // What follows gets what this step would have.
  OPALINE_TRY(json::value handed_on, step.input->render(scope));
  put(node, std::move(handed_on));
  return {};
}

base::Task<base::Result<void>> JsonRun::map(Graph::Node node, Clock::time_point started) {
  const JsonStep& step = flow_.steps[node];
  json::array items;
  {
    OPALINE_CO_TRY(json::value over, step.map->over.evaluate(scope_of(node)));
    if (over.is_array()) {
      items = std::move(over.get_array());
    } else if (!over.is_null()) {
      co_return base::fail(base::ErrorCode::invalid_argument, "its map is not over a list");
    }
  }
  if (items.size() > limits::kMapItems) {
    co_return base::fail(base::ErrorCode::resource_exhausted,
                         "its map is over " + std::to_string(items.size()) +
                             " elements; the most is " + std::to_string(limits::kMapItems));
  }
  json::array answers = items;
  if (step.input) {
    OPALINE_CO_TRY(answers, render_each(node, *step.input, items, nullptr));
  }
  if (step.service != nullptr) {
    std::vector<json::value> inputs(std::make_move_iterator(answers.begin()),
                                    std::make_move_iterator(answers.end()));
    OPALINE_CO_TRY(answers, co_await map_call(step.call(), std::move(inputs), step.map->concurrency,
                                              context()));
  }
  std::optional<contract::Usage> usage;
  if (step.generates) usage = usage_of_all(answers);
  if (step.output) {
    const json::array given = std::move(answers);
    OPALINE_CO_TRY(answers, render_each(node, *step.output, items, &given));
  }
  put(node, json::value(std::move(answers)));
  report(node, started, nullptr, usage);
  co_return base::Result<void>();
}

/// The template's value for each element of a map, and of its answer where there is one.
base::Result<json::array> JsonRun::render_each(Graph::Node node, const ValueTemplate& each,
                                               const json::array& items,
                                               const json::array* answers) const {
  const Scope outer = scope_of(node);
  json::array all;
  all.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    Scope scope = Scope::inside(outer);
    const json::value index(i);
    scope.set(flow_.steps[node].map->as, items[i]);
    scope.set("index", index);
    if (answers != nullptr) scope.set("output", (*answers)[i]);
    OPALINE_TRY(json::value value, each.render(scope));
    all.push_back(std::move(value));
  }
  return all;
}

// --- What comes out

void JsonRun::take_stream(Graph::Node node, Clock::time_point started, Delivery delivery,
                          std::unique_ptr<contract::ByteStream> stream) {
  const bool wanted = wants_usage(request_.inputs);
  auto usage = std::make_shared<std::optional<contract::Usage>>();
  // A flow inside has read its own.
  if (flow_.steps[node].generates)
    stream = std::make_unique<UsageStream>(
        std::move(stream), wanted ? UsageStream::Chunk::passed_on : UsageStream::Chunk::left_out,
        usage);
  Graph::Node place = node;
  std::optional<RunStream::Relay> relay;
  if (delivery == Delivery::relayed) {
    place = graph_.successors(node).front();
    plan().skip(place);
    const JsonStep& through = flow_.steps[place];
    const auto failed_after = std::make_shared<std::optional<Clock::duration>>();
    relay = {.name = graph_.name(place), .kind = through.kind, .failed_after = failed_after};
    stream = std::make_unique<SentenceRelay>(
        std::move(stream),
        SentenceRelay::Step{
            .call = through.call(), .name = graph_.name(place), .failed_after = failed_after},
        context());
  }
  if (hooks_) stream = hooks_->align_stream(std::move(stream), site(node));
  auto kept = std::make_unique<RunStream>(std::move(stream),
                                          RunStream::Step{.name = graph_.name(node),
                                                          .kind = flow_.steps[node].kind,
                                                          .started = started,
                                                          .usage = std::move(usage),
                                                          .relay = std::move(relay)},
                                          observer_, cancellation());
  streams_.push_back(kept.get());
  put(place, std::unique_ptr<contract::ByteStream>(std::move(kept)));
}

base::Task<base::Result<void>> JsonRun::accept(Graph::Node node, JsonOrBytes output,
                                               json::value inputs) {
  json::value value;
  if (hooks_ && hooks_->aligns(output)) {
    OPALINE_CO_TRY(value, co_await hooks_->align_outputs(std::move(output), inputs, site(node)));
  } else if (auto* bytes = std::get_if<contract::BytesReply>(&output)) {
    put(node, std::move(*bytes));
    co_return base::Result<void>();
  } else {
    value = std::get<json::value>(std::move(output));
  }
  OPALINE_CO_TRY(const bool blocked, cut_black_list(node, value));
  const auto* object = value.if_object();
  const auto* text = object ? object->if_contains("text") : nullptr;
  if (blocked && request_.stream && text != nullptr && text->is_string()) {
    put(node, std::make_unique<TextStream>(text->get_string()));
    co_return base::Result<void>();
  }
  co_return put_shaped(node, std::move(value));
}

base::Result<void> JsonRun::put_shaped(Graph::Node node, json::value output) {
  const JsonStep& step = flow_.steps[node];
  if (step.output) {
    Scope scope = scope_of(node);
    scope.set("output", output);
    OPALINE_TRY(json::value shaped, step.output->render(scope));
    output = std::move(shaped);
  }
  put(node, std::move(output));
  return {};
}

/// @return whether there was a list, and nothing follows `node` any more.
base::Result<bool> JsonRun::cut_black_list(Graph::Node node, const json::value& output) {
  OPALINE_TRY(const auto forbidden, black_listed(output, graph_, node));
  if (!forbidden) return false;
  for (const Graph::Node next : *forbidden) {
    graph_.disconnect(node, next);
    // Whatever else leads there, and whichever of them ends first: it is not to be run.
    plan().drop(next);
  }
  return graph_.successors(node).empty();
}

void JsonRun::put(Graph::Node node, JsonStepOutput output) {
  places_[node] = results_.size();
  results_.push_back({.step = graph_.name(node), .output = std::move(output)});
}

// --- How it ends

void JsonRun::succeeded(Graph::Node node) {
  const JsonStep& step = flow_.steps[node];
  if (step.on_error == OnError::step) leave_out(node, step.handler);
  finish(node);
}

void JsonRun::failed(Graph::Node node, base::Error error) {
  const JsonStep& step = flow_.steps[node];
  const bool ends = step.on_error == OnError::fail || context().cancelled() ||
                    error.code == base::ErrorCode::cancelled;
  if (ends) {
    fail(node, std::move(error));
    return;
  }
  base::log(base::LogLevel::warning, "step_failed",
            {{"step", graph_.name(node)}, {"reason", error.message}});
  if (step.on_error == OnError::step) {
    json::object fault;
    fault.emplace("step", graph_.name(node));
    fault.emplace("code", base::name(error.code));
    fault.emplace("message", error.message);
    faults_[step.handler] = std::move(fault);
    uncalled_[step.handler] = false;
    const std::vector<Graph::Node> after = graph_.successors(node);
    for (const Graph::Node next : after) {
      if (next != step.handler) leave_out(node, next);
    }
  }
  finish(node);
}

void JsonRun::leave_out(Graph::Node node, Graph::Node next) {
  graph_.disconnect(node, next);
  // What a step chooses is run only when one chooses it, whatever else leads there.
  const auto calls = [&](Graph::Node one) {
    const JsonStep& step = flow_.steps[one];
    return (step.on_error == OnError::step && step.handler == next) ||
           std::ranges::find(step.arms, next, &SwitchArm::then) != step.arms.end();
  };
  if (calls(node) && std::ranges::none_of(graph_.predecessors(next), calls)) {
    plan().drop(next);
  } else {
    left_out_.push_back(next);
  }
}

void JsonRun::finish(Graph::Node node) {
  plan().finish(node);
  for (const Graph::Node next : std::exchange(left_out_, {})) plan().reconsider(next);
  if (hooks_ == nullptr) return;
  // A hook may have changed any edge.
  for (Graph::Node any = 0; any < graph_.size(); ++any) plan().reconsider(any);
}

std::vector<std::string> JsonRun::reached() const {
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

/// Of a step that is a flow: tells of its steps with this one's name before theirs.
StepObserver JsonRun::observer_inside(Graph::Node node) const {
  if (!observer_) return {};
  return [observer = observer_, outer = graph_.name(node)](const StepReport& inner) {
    const std::string name = outer + "." + std::string(inner.step);
    StepReport report = inner;
    report.step = name;
    observer(report);
  };
}

void JsonRun::report(Graph::Node node, Clock::time_point started, const base::Error* error,
                     std::optional<contract::Usage> usage) const {
  if (!observer_) return;
  observer_({.step = graph_.name(node),
             .kind = flow_.steps[node].kind,
             .took = Clock::now() - started,
             .error = error,
             .usage = usage});
}

}  // namespace opaline::flow
