#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "flow/expression.hpp"
#include "flow/flow_file.hpp"
#include "flow/graph.hpp"
#include "flow/step_policy.hpp"
#include "flow/step_shape.hpp"
#include "flow/value_template.hpp"

namespace opaline::flow {

struct SubFlow;

/// One step of a StepFlow. What it does is one of: ask a service, run another flow, choose the way
/// (`arms` not empty), or compute: then its `input` is its reply.
struct StepSpec {
  std::string name;
  std::string description;              ///< For people.
  std::optional<std::size_t> service;   ///< In StepFlow::services.
  std::optional<std::size_t> sub_flow;  ///< In StepFlow::flows.
  std::vector<SwitchArm> arms;

  /// That the file names, in its order; the graph also has those that its expressions read.
  std::vector<Graph::Node> needs;
  /// It is an arm or an error step, so it runs only when another step says so.
  bool called = false;

  std::optional<Expression> when;       ///< Otherwise it is passed over: its reply is null.
  std::optional<ValueTemplate> input;   ///< Otherwise the request, or what it needs, see Merge.
  std::optional<ValueTemplate> output;  ///< Of `output`, what was answered; else just that.
  Merge merge = Merge::update;
  std::optional<MapPolicy> map;

  StepPolicy policy;                               ///< timeout, retry, hedge.
  std::optional<std::chrono::milliseconds> cache;  ///< How long a reply to equal input is good.
  std::optional<std::size_t> fallback;  ///< A service that is asked the same when this one fails.
  OnError on_error = OnError::fail;
  std::optional<Graph::Node> error_step;
  std::string run;  ///< "", "here", "child", or the URL where a sub-flow is served.

  friend bool operator==(const StepSpec&, const StepSpec&) = default;
};

/// A checked flow of Opaline's own form (docs/flows.md): all names resolve, there is no cycle, each
/// expression reads only what has run before it, and none is sure to fail.
struct StepFlow {
  std::string name;
  std::string description;
  std::string host = "127.0.0.1";  ///< An IP address to listen on.
  std::uint16_t port = 8080;
  std::string endpoint;
  std::optional<std::chrono::milliseconds> timeout;  ///< Of a whole request.
  std::vector<ServiceSpec> services;  ///< Those of the file, then those that `uses` brings in.
  std::vector<SubFlow> flows;
  std::vector<StepSpec> steps;  ///< In the file's order.
  /// Node i is steps[i]. Its edges: `needs`, steps that expressions read, and calls.
  Graph graph;
  /// Otherwise the reply of the last step that is not called; of several, an object of them.
  std::optional<ValueTemplate> output;
  std::vector<std::string> notes;  ///< What is right but may surprise; for people.

  friend bool operator==(const StepFlow& a, const StepFlow& b);
};

/// The services of a flow and of all flows inside of it, which may be there several times.
[[nodiscard]] std::vector<ServiceSpec> all_services(const StepFlow& flow);

/// What a flow file holds: one of OPEA's form or of our own.
using AnyFlow = std::variant<FlowSpec, StepFlow>;

/// A flow that a step runs.
struct SubFlow {
  std::string file;             ///< As the flow file names it.
  std::optional<AnyFlow> flow;  ///< Nothing when only a text was read, not a file.

  friend bool operator==(const SubFlow&, const SubFlow&) = default;
};

}  // namespace opaline::flow
