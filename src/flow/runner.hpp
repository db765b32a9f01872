#pragma once

#include <memory>
#include <vector>

#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "contract/service.hpp"
#include "flow/flow_file.hpp"
#include "flow/graph.hpp"
#include "flow/step_report.hpp"

namespace opaline::flow {

/// Runs one graph for many requests at once. Immutable after create, so any I/O thread may call
/// run(); each run has its own plan, data and cancellation, and shares nothing with another. Must
/// outlive every run and every stream it answered with.
class Runner {
 public:
  /// @param services one a node of the graph, in node order; owned by the caller (the assembly) and
  /// must outlive this.
  /// @error failed_precondition: the flow has no step. invalid_argument: a service is missing, or
  /// of another kind than the flow says.
  [[nodiscard]] static base::Result<std::unique_ptr<Runner>> create(
      FlowSpec spec, std::vector<contract::Service*> services);

  /// Sends `request` through the graph: independent steps start at once, a join waits for all that
  /// lead to it, each step's request is made from what its predecessors found (flow/alignment.hpp).
  /// A reranking is passed over when nothing was found. The reply is that of the last LLM step that
  /// nothing follows (a stream if `request` wants one), and in a flow without such a step that of
  /// the last step (RetrievalReply, RerankingReply, EmbeddingReply).
  /// @param observer may be empty; told of every step that was started.
  /// @error of the first step that failed, its message led by "step 'name': "; the other running
  /// steps are cancelled and awaited first. deadline_exceeded, cancelled: before a step was
  /// started.
  base::Task<base::Result<contract::Reply>> run(contract::ChatRequest request,
                                                base::Context context, StepObserver observer) const;

  [[nodiscard]] const FlowSpec& spec() const { return spec_; }
  [[nodiscard]] const std::vector<contract::Service*>& services() const { return services_; }

 private:
  Runner(FlowSpec spec, std::vector<contract::Service*> services);

  FlowSpec spec_;
  std::vector<contract::Service*> services_;
  Graph::Node answer_;  // The step whose reply is the flow's.
};

}  // namespace opaline::flow
