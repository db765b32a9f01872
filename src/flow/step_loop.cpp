#include "flow/step_loop.hpp"

#include <boost/asio/this_coro.hpp>
#include <utility>
#include <vector>

#include "flow/step_stream.hpp"

namespace opaline::flow {

StepLoop::StepLoop(const Graph& graph, base::Context context)
    : graph_(graph), caller_(context.cancellation), context_(std::move(context)), plan_(graph) {
  auto own = base::Cancellation::create();
  tie_ = context_.cancellation->on_request([own] { own->request(); });
  context_.cancellation = std::move(own);
}

base::Task<> StepLoop::drive() {
  for (;;) {
    before_start();
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
}

base::Task<> StepLoop::run_branch(Graph::Node node) {
  co_await run_step(node);
  branches_->ended.notify_all();
}

void StepLoop::stop_when_time_is_over() {
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

void StepLoop::fail(Graph::Node node, base::Error error) {
  plan_.fail(node);
  stop(node, std::move(error));
}

void StepLoop::stop(Graph::Node node, base::Error error) {
  if (!error_ && caller_->requested() && error.code != base::ErrorCode::cancelled) {
    // Whatever a step makes of being stopped, it is the caller who left.
    error = {.code = base::ErrorCode::cancelled,
             .message = "the request was cancelled",
             .detail = std::move(error.message)};
  }
  if (!error_) error_ = step_error(graph_.name(node), std::move(error));
  context_.cancellation->request();
}

}  // namespace opaline::flow
