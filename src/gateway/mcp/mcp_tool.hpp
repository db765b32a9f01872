#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "gateway/answer_routes.hpp"
#include "gateway/route.hpp"
#include "services/registry/registered_service.hpp"

namespace opaline::gateway {

/// One call of a tool. `call` has no request of its own: only the context, and for tools of the
/// cost `query` a record.
struct McpToolCall {
  boost::json::object arguments;
  Call call;
  /// Tells a piece of the answer before its end; empty: nobody listens.
  std::function<void(std::string_view)> progress;
};

/// What a tool found, twice: for a model to read, and for a program.
struct McpToolReply {
  std::string text;
  std::string json;  ///< Of an object that fits the tool's output schema.
};

/// Something that a client of the Model Context Protocol may call. Schemas are JSON Schema, as JSON
/// text.
struct McpTool {
  /// What a call does besides answering: a client may ask its user before it calls.
  enum class Effect {
    reads,    ///< Nothing, and nobody but this deployment has a say in it.
    unknown,  ///< Services of the user's own are called, and what they do only they know.
  };

  std::string name;
  std::string title;
  std::string description;
  std::string input_schema;
  std::string output_schema;
  Effect effect = Effect::unknown;
  /// What its calls are counted as; empty: its name. Names that clients choose are no labels.
  std::string counted_as;
  Route::Cost cost = Route::Cost::heavy;
  std::function<base::Task<base::Result<McpToolReply>>(McpToolCall)> answer;
};

/// The tools of a deployment.
struct McpTools {
  std::vector<McpTool> own;
  /// Those of services that registered themselves, as they are now; empty: none ever.
  std::function<std::vector<McpTool>()> registered = {};
  /// The one of them with that name; empty as `registered` is.
  std::function<std::optional<McpTool>(std::string_view name)> find_registered = {};
};

/// Whose registered services are tools.
enum class RegisteredServices {
  of_the_flow,  ///< Anybody may register one, and it is called from here: only what the flow calls.
  all,          ///< Who registers one has a key.
};

/// Of what a deployment's tools are made. What `answering` refers to must outlive the tools.
struct McpToolSources {
  const Answering* answering = nullptr;  ///< Copied. Null: the flow passes JSON.
  std::string json_endpoint;             ///< Of a flow that passes JSON; it is among `routes`.
  std::string description;               ///< Of that flow; may be empty.
  const flow::FlowSpec& flow;
  const std::vector<Route>& routes;  ///< What they answer, tools answer.
  Services services;
  /// Of the flow, and a tool each, see Collaborators; those that the flow gives no URL are one
  /// while they are registered.
  std::vector<CustomService> customs;
  RegisteredServices others = RegisteredServices::of_the_flow;  ///< That are not in the flow.
  services::ServiceRegistry* registry = nullptr;                ///< May be null.
  services::RegisteredService::Reach reach;                     ///< Of what is in the registry.
};

/// `ask` (a flow that ends with an answer), a tool named after the endpoint of a flow that passes
/// JSON, `search`, `embed`, `rerank`: those that the deployment has; and by their names services of
/// the user's own: `customs`, and of `others` those with a description or an input schema. Tools
/// are called with objects, so a service that takes no object is none. A service of the flow that
/// is not among `customs` is never one, whoever registers it.
[[nodiscard]] McpTools mcp_tools(const McpToolSources& from);

}  // namespace opaline::gateway
