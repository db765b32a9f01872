#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>

#include "base/cancellation.hpp"
#include "base/context.hpp"
#include "base/error.hpp"
#include "base/event.hpp"
#include "base/task.hpp"
#include "base/task_group.hpp"
#include "flow/graph.hpp"
#include "flow/plan.hpp"

namespace opaline::flow {

/// One request's way through a graph: starts what the plan says is ready, sleeps until a step ends,
/// stops all others when one fails or the time is over. What a step does is the derived class's
/// business. Lives in a coroutine's frame, on one thread.
///
/// A single step runs in drive() itself, so a chain spawns nothing; several at once run as tasks of
/// a group.
class StepLoop {
 public:
  StepLoop(const StepLoop&) = delete;
  StepLoop& operator=(const StepLoop&) = delete;

 protected:
  /// @param graph must outlive this; edges may change between steps, see Plan.
  StepLoop(const Graph& graph, base::Context context);
  virtual ~StepLoop() = default;

  /// Ends when every step that was started has ended. Call once.
  base::Task<> drive();

  /// Runs one step, and tells plan() how it ended (finish, or stop()). Must not throw.
  virtual base::Task<> run_step(Graph::Node node) = 0;
  /// Before steps are started: the place to skip some.
  virtual void before_start() {}

  /// `node` failed: nothing more starts and running steps are told to stop. The first error stays.
  void fail(Graph::Node node, base::Error error);
  /// The same for what no step is to blame for.
  virtual void stop(Graph::Node node, base::Error error);

  [[nodiscard]] Plan& plan() { return plan_; }
  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] const base::Context& context() const { return context_; }
  [[nodiscard]] const std::shared_ptr<base::Cancellation>& cancellation() const {
    return context_.cancellation;
  }
  /// The first error, led by its step's name.
  [[nodiscard]] std::optional<base::Error>& error() { return error_; }
  /// The tie from the request's cancellation to the run's, for a stream that outlives the run.
  [[nodiscard]] base::Cancellation::Registration take_tie() { return std::move(tie_); }

 private:
  /// Made for the first fork.
  struct Branches {
    explicit Branches(const boost::asio::any_io_executor& executor)
        : tasks(executor), ended(executor) {}
    base::TaskGroup tasks;
    base::Event ended;
  };

  base::Task<> run_branch(Graph::Node node);
  void stop_when_time_is_over();

  const Graph& graph_;
  const std::shared_ptr<base::Cancellation> caller_;  // The request's cancellation.
  // With a cancellation of the run's own: a step's failure ends the others.
  base::Context context_;
  base::Cancellation::Registration tie_;
  Plan plan_;
  std::optional<Branches> branches_;
  std::optional<base::Error> error_;
};

}  // namespace opaline::flow
