#include "flow/step_hooks.hpp"

#include <utility>

namespace opaline::flow {

base::Task<base::Result<boost::json::value>> StepHooks::align_inputs(boost::json::value inputs,
                                                                     HookSite /*site*/) {
  co_return inputs;
}

bool StepHooks::aligns(const JsonOrBytes& /*output*/) const { return true; }

base::Task<base::Result<boost::json::value>> StepHooks::align_outputs(
    JsonOrBytes output, const boost::json::value& /*inputs*/, HookSite /*site*/) {
  if (auto* value = std::get_if<boost::json::value>(&output)) co_return std::move(*value);
  co_return base::fail(base::ErrorCode::failed_precondition,
                       "it answered with " + std::get<contract::BytesReply>(output).content_type +
                           ", which no hook makes JSON of");
}

std::unique_ptr<contract::ByteStream> StepHooks::align_stream(
    std::unique_ptr<contract::ByteStream> stream, HookSite /*site*/) {
  return stream;
}

}  // namespace opaline::flow
