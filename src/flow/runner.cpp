#include "flow/runner.hpp"

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "flow/alignment.hpp"
#include "flow/step_loop.hpp"
#include "flow/step_stream.hpp"

namespace opaline::flow {
namespace {

using contract::ServiceKind;
using Clock = base::Context::Clock;

/// One request's way through the graph, with typed findings. Lives in the frame of Runner::run.
class Run final : private StepLoop {
 public:
  Run(const Runner& runner, Graph::Node answer, contract::ChatRequest request,
      base::Context context, StepObserver observer)
      : StepLoop(runner.spec().graph, std::move(context)),
        spec_(runner.spec()),
        services_(runner.services()),
        answer_(answer),
        chat_(std::move(request)),
        observer_(std::move(observer)),
        found_(spec_.graph.size()) {
    for (Graph::Node node = 0; node < found_.size(); ++node) {
      found_[node].readers = spec_.graph.successors(node).size();
    }
  }

  base::Task<base::Result<contract::Reply>> answer() {
    co_await drive();
    co_return take_reply();
  }

 private:
  /// What a step's predecessors found, and then, with its own part, what its successors read.
  struct Found {
    Findings findings;
    bool gathered = false;
    std::size_t readers = 0;  // Successors that have not read it.
  };
  const std::string& name(Graph::Node node) const { return spec_.graph.name(node); }
  ServiceKind kind(Graph::Node node) const { return spec_.services[node].kind; }

  /// Passes over steps that have nothing to do.
  void before_start() override {
    // One that is passed over may make the next one ready, so look anew each time.
    for (std::size_t i = 0; i < plan().ready().size();) {
      const Graph::Node node = plan().ready()[i];
      const bool pass = kind(node) == ServiceKind::reranking && idle(kind(node), gather(node));
      if (pass) plan().skip(node);
      i = pass ? 0 : i + 1;
    }
  }

  base::Task<> run_step(Graph::Node node) override {
    const Clock::time_point started = Clock::now();
    const bool streamed = node == answer_ && kind(node) == ServiceKind::llm && chat_.stream;
    contract::Request request = request_for(kind(node), chat_, gather(node));
    if (auto* chat = std::get_if<contract::ChatRequest>(&request)) chat->stream = streamed;

    base::Result<contract::Reply> reply =
        base::fail(base::ErrorCode::internal, "the step failed unexpectedly");
    try {
      // A step that ends without a word would leave the run waiting for ever.
      reply = co_await services_[node]->call(std::move(request), context().child());
    } catch (...) {
      base::log_exception("step_threw", std::current_exception());
    }
    if (reply && !fits(*reply, kind(node), streamed ? Delivery::streamed : Delivery::whole)) {
      reply =
          base::fail(base::ErrorCode::internal, "the service answered with another kind of reply");
    }

    if (!reply) {
      report(node, started, &reply.error());
      fail(node, std::move(reply).error());
    } else {
      if (!streamed) report(node, started, nullptr);
      accept(node, started, *std::move(reply));
      plan().finish(node);
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
          cancellation(), std::move(findings));
      if (error()) stream_.reset();
    } else {
      complete(reply, findings);
      reply_ = std::move(reply);
    }
  }

  void stop(Graph::Node node, base::Error error) override {
    stream_.reset();
    StepLoop::stop(node, std::move(error));
  }

  base::Result<contract::Reply> take_reply() {
    if (error()) return base::fail(*std::move(error()));
    if (plan().skipped(answer_)) return nothing_found(chat_);
    if (stream_) {
      stream_->keep(take_tie());
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
  StepObserver observer_;
  std::vector<Found> found_;  // One a node; never grows, so references hold.
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
    if (kind == ServiceKind::custom) return wrong("a service of one's own needs a JSON flow");
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
  co_return co_await run.answer();
}

}  // namespace opaline::flow
