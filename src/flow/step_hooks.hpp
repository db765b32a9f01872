#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "base/task.hpp"
#include "contract/json_message.hpp"
#include "flow/graph.hpp"

namespace opaline::flow {

/// What a step of a JSON flow answered with, when it was not streamed.
using JsonOrBytes = std::variant<boost::json::value, contract::BytesReply>;

/// Where a hook is called. Everything lives until the hook's task has ended.
struct HookSite {
  std::string_view step;
  /// This run's own: edges may be taken away and added, which counts for steps that have not been
  /// started; nodes must not be added.
  Graph& graph;
  const boost::json::object& parameters;  ///< Of the request, as given to the generating steps.
};

/// How a megaservice fits the messages of its steps to one another: OPEA's align_inputs and
/// align_outputs. Belongs to one request; called on its thread, for one step at a time a call but
/// for several steps at once where a flow forks. An error ends the run.
class StepHooks {
 public:
  virtual ~StepHooks() = default;
  /// What the step is sent. @param inputs the merged outputs of the steps that lead to it.
  virtual base::Task<base::Result<boost::json::value>> align_inputs(boost::json::value inputs,
                                                                    HookSite site);
  /// Whether align_outputs() is asked about this answer; without it the answer stays as it is.
  [[nodiscard]] virtual bool aligns(const JsonOrBytes& output) const;
  /// What the others get to see of the step's answer. @param inputs what it was sent.
  virtual base::Task<base::Result<boost::json::value>> align_outputs(
      JsonOrBytes output, const boost::json::value& inputs, HookSite site);
  /// What the caller gets to see of a streamed answer. What it returns may outlive the hooks.
  [[nodiscard]] virtual std::unique_ptr<contract::ByteStream> align_stream(
      std::unique_ptr<contract::ByteStream> stream, HookSite site);
};

}  // namespace opaline::flow
