#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flow/orchestrator.hpp"
#include "flow/step_hooks.hpp"
#include "gateway/route.hpp"

namespace opaline::gateway {

/// Makes the hooks of one request; they die when its run has ended. Any I/O thread.
using MakeStepHooks = std::function<std::unique_ptr<flow::StepHooks>(const base::Context&)>;

/// A flow that passes JSON, at its own endpoint: the body is what its first steps get; what its
/// last step says is the reply (JSON, bytes, or with "stream": true a stream), and of several last
/// steps an object of their replies by name. Sampling parameters of the body ("max_tokens",
/// "temperature" …) go to each step that generates. The flow must outlive the routes.
[[nodiscard]] std::vector<Route> json_flow_routes(const flow::Orchestrator& flow,
                                                  const std::string& endpoint,
                                                  MakeStepHooks make_hooks = {});

}  // namespace opaline::gateway
