/// @file
/// A megaservice: services that follow one another.
#pragma once

#include <opaline/json.hpp>
#include <opaline/message.hpp>
#include <opaline/micro_service.hpp>
#include <opaline/server.hpp>
#include <opaline/task.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace opaline {

namespace detail {
struct FlowCore;
struct SiteState;
}  // namespace detail

/// What the generating steps of a flow (types `llm` and `lvm`) are told: OPEA's LLMParams. Only
/// what is set is sent.
struct Parameters {
  std::optional<int> max_tokens = {};             ///< Of the answer.
  std::optional<int> top_k = {};                  ///< Choose from this many.
  std::optional<double> top_p = {};               ///< Choose from this much of the probability.
  std::optional<double> temperature = {};         ///< 0 is always the likeliest.
  std::optional<double> frequency_penalty = {};   ///< Against what was said often.
  std::optional<double> presence_penalty = {};    ///< Against what was said.
  std::optional<double> repetition_penalty = {};  ///< Above 1: against repetition.
  std::optional<std::string> model = {};          ///< Which model.
  bool stream = false;                            ///< The answer is to come as a Stream.
  JsonObject others = {};                         ///< Any other, sent as they are.
};

/// Where in a run a hook is called, and a way to change the rest of that run. Lives until the hook
/// has ended.
class StepSite {
 public:
  /// The step's name.
  [[nodiscard]] const std::string& name() const noexcept;
  /// What the step is for.
  [[nodiscard]] ServiceType type() const noexcept;
  /// Of the request, as given to the generating steps.
  [[nodiscard]] const JsonObject& parameters() const noexcept;
  /// The steps that follow this one, in this run as it stands now.
  [[nodiscard]] std::vector<std::string> next() const;
  /// This step leads to `step` no more, in this run; nothing if it did not. A step that others lead
  /// to as well waits for them.
  /// @throws Error not_found: the flow has no such step.
  void disconnect(std::string_view step);
  /// This step leads to `step` too, in this run; counts if that one has not been started.
  /// @throws Error not_found: the flow has no such step; invalid_argument: a cycle.
  void connect(std::string_view step);

  /// Takes `step` out of this run, with all that leads to it or follows it: connect() what is to
  /// follow instead. @throws Error not_found: the flow has no such step.
  void remove(std::string_view step);

  /// Not for applications.
  explicit StepSite(detail::SiteState& state) noexcept : state_(&state) {}

 private:
  detail::SiteState* state_;
};

/// What came out of a run: the answers of its steps, in the order in which they ended.
class FlowReply {
 public:
  /// A step's answer.
  struct Step {
    std::string name;  ///< The step's.
    Reply reply;       ///< As align_outputs left it.
  };

  /// The answer of the flow: that of its last step; of several last steps the one that streams, or
  /// an object of their answers by name. @throws Error internal: no step answered;
  /// failed_precondition: bytes beside other answers; then ask for each by its name.
  [[nodiscard]] Reply& answer();
  /// The answer's JSON. @throws Error as answer() and Reply::json().
  [[nodiscard]] Json& json() { return answer().json(); }
  /// The answer's stream. @throws Error as answer() and Reply::stream().
  [[nodiscard]] Stream& stream() { return answer().stream(); }
  /// A step's answer. @throws Error not_found: it was not run, or there is none of that name.
  [[nodiscard]] Reply& of(std::string_view step);
  /// All answers.
  [[nodiscard]] std::vector<Step>& steps() noexcept { return steps_; }
  /// The names of the steps that nothing followed in this run.
  [[nodiscard]] const std::vector<std::string>& last_steps() const noexcept { return last_; }

  /// Not for applications.
  FlowReply(std::vector<Step> steps, std::vector<std::string> last)
      : steps_(std::move(steps)), last_(std::move(last)) {}

 private:
  std::vector<Step> steps_;
  std::vector<std::string> last_;
  std::optional<Reply> joined_;  // Of several last steps, when it was asked for.
};

/// Where and how a flow is served.
struct ServerSettings {
  std::string name = "opaline";       ///< Told by /v1/health_check.
  std::string host = "localhost";     ///< "localhost", an address of this machine, or "0.0.0.0".
  std::uint16_t port = 8888;          ///< 0 is any free one.
  std::string endpoint = "/v1/flow";  ///< The path that takes the requests.
  std::string description = {};       ///< Told by /v1/health_check.
  std::vector<std::string> api_keys = {};    ///< "env:NAME", "file:PATH"; none: everyone may ask.
  std::size_t threads = 1;                   ///< I/O threads; 0 is one a core.
  std::size_t body_bytes = 2 * 1024 * 1024;  ///< Of a request, at most.
  std::chrono::milliseconds timeout = std::chrono::minutes(2);  ///< Of a request.
};

/// A flow of services, as OPEA's ServiceOrchestrator: each step gets the merged answers of the
/// steps that lead to it, and the first ones the request's inputs.
///
///     opaline::ServiceOrchestrator flow;
///     flow.add(embedding).add(llm).flow_to(embedding, llm);
///     opaline::FlowReply reply = flow.schedule({{"text", "hi"}}, {.max_tokens = 17});
///
/// - Steps that do not wait for one another run at the same time.
/// - `downstream_black_list` in an answer, a list of regular expressions (RE2): following steps
///   whose names match are not reached from there.
/// - A generating step streams when a stream is wanted and nothing, or only one last step, follows
///   it. That one is then asked sentence by sentence.
///
/// A handle, as MicroService: copies mean the same flow. Make it on one thread; afterwards schedule
/// on any. A change counts for runs that begin later, and for servers that are started later.
class ServiceOrchestrator {
 public:
  /// A flow without steps.
  ServiceOrchestrator();

  /// Adds a step. @return this flow. @throws Error already_exists: the name is taken;
  /// invalid_argument: it has none.
  ServiceOrchestrator& add(MicroService service);
  /// `from` leads to `to`. Doing it twice changes nothing. @return this flow.
  /// @throws Error not_found: one of them was not added; invalid_argument: it would close a cycle,
  /// which the message shows.
  ServiceOrchestrator& flow_to(const MicroService& from, const MicroService& to);

  /// Sets what each step is sent: `hook(Json inputs, StepSite& site)` returns Json or Task<Json>.
  /// What it throws ends the run. It is called on the run's thread, and for several runs at once
  /// where those have several threads. @return this flow.
  template <class F>
  ServiceOrchestrator& align_inputs(F hook) {
    auto kept = std::make_shared<F>(std::move(hook));
    return set_align_inputs([kept](Json inputs, StepSite& site) {
      return input_hook(kept.get(), std::move(inputs), &site);
    });
  }
  /// Sets what the following steps and the caller get to see of a step's answer:
  /// `hook(Json output, const Json& inputs, StepSite& site)` returns Json or Task<Json>; `inputs`
  /// is what the step was sent. Answers that are bytes stay as they are, unless the hook takes a
  /// Reply instead of Json: then it makes JSON of them. Streams stay as they are. @return this
  /// flow.
  template <class F>
  ServiceOrchestrator& align_outputs(F hook) {
    constexpr bool kBytes = std::invocable<F&, Reply, const Json&, StepSite&>;
    auto kept = std::make_shared<F>(std::move(hook));
    auto call = [kept](Reply output, const Json& inputs, StepSite& site) {
      return output_hook(kept.get(), std::move(output), &inputs, &site);
    };
    return set_align_outputs(std::move(call), kBytes ? Answers::all : Answers::json);
  }

  /// Sets what the caller gets to see of a streamed answer: `hook(Stream stream, std::string step)`
  /// returns a Generator<std::string>, which reads the one and yields what is sent. @return this
  /// flow.
  ServiceOrchestrator& align_generator(
      std::function<Generator<std::string>(Stream stream, std::string step)> hook);

  /// Runs the flow and waits for its answer, or for its stream to begin. Not in coroutines: those
  /// await async_schedule(). @throws Error of the first step that failed, led by "step 'name': ";
  /// the others are stopped first. failed_precondition: it has no step.
  [[nodiscard]] FlowReply schedule(Json inputs, Parameters parameters = {},
                                   CallOptions options = {}) const;
  /// The same, awaited in a coroutine. @throws Error as schedule().
  [[nodiscard]] Task<FlowReply> async_schedule(Json inputs, Parameters parameters = {},
                                               CallOptions options = {}) const;

  /// Serves it: a megaservice. The body of a request is the flow's inputs; its sampling parameters
  /// go to the generating steps. @throws Error failed_precondition: the port is taken, or there is
  /// no step; invalid_argument: the endpoint is no path.
  [[nodiscard]] Server start(ServerSettings settings = {}) const;
  /// start(), then Server::wait(): until SIGINT or SIGTERM. @throws Error as start().
  void serve(ServerSettings settings = {}) const;

 private:
  using InputHook = std::function<Task<Json>(Json, StepSite&)>;
  using OutputHook = std::function<Task<Json>(Reply, const Json&, StepSite&)>;

  enum class Answers { json, all };

  // They return what a hook returned at last: Json, or the Json of its Task.
  template <class F>
  static Task<Json> input_hook(F* hook, Json inputs, StepSite* site) {
    if constexpr (std::same_as<std::invoke_result_t<F&, Json, StepSite&>, Task<Json>>) {
      co_return co_await (*hook)(std::move(inputs), *site);
    } else {
      co_return (*hook)(std::move(inputs), *site);
    }
  }
  template <class F>
  static Task<Json> output_hook(F* hook, Reply output, const Json* inputs, StepSite* site) {
    const auto call = [&] {
      if constexpr (std::invocable<F&, Reply, const Json&, StepSite&>) {
        return (*hook)(std::move(output), *inputs, *site);
      } else {
        return (*hook)(std::move(output.json()), *inputs, *site);
      }
    };
    if constexpr (std::same_as<std::invoke_result_t<decltype(call)>, Task<Json>>) {
      co_return co_await call();
    } else {
      co_return call();
    }
  }
  ServiceOrchestrator& set_align_inputs(InputHook hook);
  ServiceOrchestrator& set_align_outputs(OutputHook hook, Answers answers);

  std::shared_ptr<detail::FlowCore> core_;  // Owners: the copies, servers and answers.
};

}  // namespace opaline
