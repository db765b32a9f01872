#include "flow/runner.hpp"

#include <boost/asio/this_coro.hpp>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "base/assert.hpp"
#include "base/event.hpp"
#include "base/log.hpp"
#include "base/task_group.hpp"
#include "flow/alignment.hpp"
#include "flow/plan.hpp"
#include "flow/step_stream.hpp"

namespace opaline::flow {
namespace {

using contract::ServiceKind;
using Clock = base::Context::Clock;

/// One request's way through the graph. Lives in the frame of Runner::run, on one thread.
///
/// The plan says what may start. A single step runs in drive() itself; several at once run as tasks
/// of a group, and drive() sleeps until one of them ends.
class Run {
 public:
  Run(const Runner& runner, Graph::Node answer, contract::ChatRequest request,
      base::Context context, StepObserver observer)
      : spec_(runner.spec()),
        services_(runner.services()),
        answer_(answer),
        chat_(std::move(request)),
        context_(std::move(context)),
        observer_(std::move(observer)),
        cancellation_(base::Cancellation::create()),
        plan_(spec_.graph),
        found_(spec_.graph.size()) {
    tie_ = context_.cancellation->on_request([own = cancellation_] { own->request(); });
    // From here on the steps' own, so that the failure of one can stop the others.
    context_.cancellation = cancellation_;
    for (Graph::Node node = 0; node < found_.size(); ++node) {
      found_[node].readers = spec_.graph.successors(node).size();
    }
  }

  base::Task<base::Result<contract::Reply>> drive() {
    for (;;) {
      pass_over_idle_steps();
      stop_when_time_is_over();
      const std::vector<Graph::Node> ready = plan_.take_ready();
      if (ready.empty() && plan_.running() == 0) break;
      if (ready.empty()) {
        co_await branches_->ended.wait();
      } else if (ready.size() == 1 && plan_.running() == 1) {
        co_await run_step(ready.front());
      } else {
        if (!branches_) branches_.emplace(co_await boost::asio::this_coro::executor);
        for (const Graph::Node node : ready) branches_->tasks.spawn(run_branch(node));
      }
    }
    if (branches_) co_await branches_->tasks.close();
    co_return take_reply();
  }

 private:
  /// What a step's predecessors found, and then, with its own part, what its successors read.
  struct Found {
    Findings findings;
    bool gathered = false;
    std::size_t readers = 0;  // Successors that have not read it.
  };
  /// Made for the first fork: a chain needs none.
  struct Branches {
    explicit Branches(const boost::asio::any_io_executor& executor)
        : tasks(executor), ended(executor) {}
    base::TaskGroup tasks;
    base::Event ended;
  };

  const std::string& name(Graph::Node node) const { return spec_.graph.name(node); }
  ServiceKind kind(Graph::Node node) const { return spec_.services[node].kind; }

  void pass_over_idle_steps() {
    // One that is passed over may make the next one ready, so look anew each time.
    for (std::size_t i = 0; i < plan_.ready().size();) {
      const Graph::Node node = plan_.ready()[i];
      const bool pass = kind(node) == ServiceKind::reranking && idle(kind(node), gather(node));
      if (pass) plan_.skip(node);
      i = pass ? 0 : i + 1;
    }
  }

  void stop_when_time_is_over() {
    if (plan_.ready().empty()) return;
    std::optional<base::Error> why;
    if (context_.cancelled()) {
      why = {.code = base::ErrorCode::cancelled,
             .message = "not started, the request was cancelled",
             .detail = {}};
    } else if (context_.expired()) {
      why = {.code = base::ErrorCode::deadline_exceeded,
             .message = "not started, the time for the request is over",
             .detail = {}};
    }
    if (!why) return;
    const Graph::Node first = plan_.ready().front();
    plan_.abort();
    stop(first, *std::move(why));
  }

  base::Task<> run_branch(Graph::Node node) {
    co_await run_step(node);
    branches_->ended.notify_all();
  }

  base::Task<> run_step(Graph::Node node) {
    const Clock::time_point started = Clock::now();
    const bool streamed = node == answer_ && kind(node) == ServiceKind::llm && chat_.stream;
    contract::Request request = request_for(kind(node), chat_, gather(node));
    if (auto* chat = std::get_if<contract::ChatRequest>(&request)) chat->stream = streamed;

    base::Result<contract::Reply> reply =
        base::fail(base::ErrorCode::internal, "the step failed unexpectedly");
    try {
      // A step that ends without a word would leave the run waiting for ever.
      reply = co_await services_[node]->call(std::move(request), context_.child());
    } catch (...) {
      base::log_exception("step_threw", std::current_exception());
    }
    if (reply && !fits(*reply, kind(node), streamed ? Delivery::streamed : Delivery::whole)) {
      reply =
          base::fail(base::ErrorCode::internal, "the service answered with another kind of reply");
    }

    if (!reply) {
      report(node, started, &reply.error());
      plan_.fail(node);
      stop(node, std::move(reply).error());
    } else {
      if (!streamed) report(node, started, nullptr);
      accept(node, started, *std::move(reply));
      plan_.finish(node);
    }
  }

  /// Puts the reply of a step where its successors, or the caller, find it.
  void accept(Graph::Node node, Clock::time_point started, contract::Reply reply) {
    Findings& findings = found_[node].findings;
    if (node != answer_) {
      absorb(std::move(reply), findings);
    } else if (auto* stream = std::get_if<std::unique_ptr<contract::ChatStream>>(&reply)) {
      stream_ = std::make_unique<StepStream>(
          std::move(*stream), StepStream::Step{.name = name(node), .started = started}, observer_,
          cancellation_, std::move(findings));
      if (error_) stream_.reset();
    } else {
      complete(reply, findings);
      reply_ = std::move(reply);
    }
  }

  /// The run ends with this error, unless with an earlier one; running steps are told to stop.
  void stop(Graph::Node node, base::Error error) {
    if (!error_) error_ = step_error(name(node), std::move(error));
    stream_.reset();
    cancellation_->request();
  }

  base::Result<contract::Reply> take_reply() {
    if (error_) return base::fail(*std::move(error_));
    if (plan_.skipped(answer_)) return nothing_found(chat_);
    if (stream_) {
      stream_->keep(std::move(tie_));
      return std::move(stream_);
    }
    OPALINE_ASSERT(reply_.has_value());
    return *std::move(reply_);
  }

  /// What the predecessors of `node` found; moved from one that nobody else reads.
  Findings& gather(Graph::Node node) {
    Found& mine = found_[node];
    if (mine.gathered) return mine.findings;
    mine.gathered = true;
    std::vector<Findings> parts;
    parts.reserve(spec_.graph.predecessors(node).size());
    for (const Graph::Node before : spec_.graph.predecessors(node)) {
      Found& theirs = found_[before];
      OPALINE_ASSERT(theirs.readers > 0);
      if (--theirs.readers == 0) {
        parts.push_back(std::move(theirs.findings));
      } else {
        parts.push_back(theirs.findings);
      }
    }
    mine.findings = merge(std::move(parts));
    return mine.findings;
  }

  void report(Graph::Node node, Clock::time_point started, const base::Error* error) const {
    if (!observer_) return;
    observer_(
        {.step = name(node), .kind = kind(node), .took = Clock::now() - started, .error = error});
  }

  const FlowSpec& spec_;
  const std::vector<contract::Service*>& services_;
  const Graph::Node answer_;
  contract::ChatRequest chat_;
  base::Context context_;
  StepObserver observer_;
  /// Owned with the steps' work, and with the stream that outlives the run.
  std::shared_ptr<base::Cancellation> cancellation_;
  base::Cancellation::Registration tie_;  // From the request's cancellation to ours.
  Plan plan_;
  std::vector<Found> found_;  // One a node; never grows, so references hold.
  std::optional<Branches> branches_;
  std::optional<base::Error> error_;
  std::optional<contract::Reply> reply_;
  std::unique_ptr<StepStream> stream_;
};

/// The last LLM that nothing follows; without one, the last step that nothing follows.
Graph::Node answering_step(const FlowSpec& spec) {
  const std::vector<Graph::Node> leaves = spec.graph.leaves();
  Graph::Node answer = leaves.back();
  for (const Graph::Node leaf : leaves) {
    if (spec.services[leaf].kind == ServiceKind::llm) answer = leaf;
  }
  return answer;
}

}  // namespace

Runner::Runner(FlowSpec spec, std::vector<contract::Service*> services)
    : spec_(std::move(spec)), services_(std::move(services)), answer_(answering_step(spec_)) {}

base::Result<std::unique_ptr<Runner>> Runner::create(FlowSpec spec,
                                                     std::vector<contract::Service*> services) {
  const Graph& graph = spec.graph;
  if (graph.empty()) {
    return base::fail(base::ErrorCode::failed_precondition, "the flow has no step");
  }
  OPALINE_ASSERT(spec.services.size() >= graph.size());
  for (Graph::Node node = 0; node < graph.size(); ++node) {
    const auto wrong = [&](const std::string& why) {
      return base::fail(
          step_error(graph.name(node),
                     {.code = base::ErrorCode::invalid_argument, .message = why, .detail = {}}));
    };
    const ServiceKind kind = spec.services[node].kind;
    if (kind == ServiceKind::dataprep) return wrong("dataprep is no step of a flow");
    if (node >= services.size() || !services[node]) return wrong("it has no service");
    if (services[node]->kind() != kind) {
      return wrong("the flow says " + std::string(contract::name(kind)) +
                   ", its service is of the kind " +
                   std::string(contract::name(services[node]->kind())));
    }
  }
  if (services.size() != graph.size()) {
    return base::fail(base::ErrorCode::invalid_argument, "the flow has fewer steps than services");
  }
  return std::unique_ptr<Runner>(new Runner(std::move(spec), std::move(services)));
}

base::Task<base::Result<contract::Reply>> Runner::run(contract::ChatRequest request,
                                                      base::Context context,
                                                      StepObserver observer) const {
  Run run(*this, answer_, std::move(request), std::move(context), std::move(observer));
  co_return co_await run.drive();
}

}  // namespace opaline::flow
