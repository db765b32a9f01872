#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <vector>

#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "flow/step_call.hpp"

namespace opaline::flow {

/// Calls a step once for each of `inputs`, at most `concurrency` (≥ 1) at a time. Its timeout holds
/// for all of them together.
/// @return its answers in the order of the inputs. @error the first that failed, led by "element
/// 3: "; the other calls are cancelled and awaited first; also: an answer that is no JSON.
base::Task<base::Result<boost::json::array>> map_call(StepCall step,
                                                      std::vector<boost::json::value> inputs,
                                                      std::size_t concurrency,
                                                      base::Context context);

}  // namespace opaline::flow
