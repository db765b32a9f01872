#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "flow/mistakes.hpp"
#include "flow/step_flow.hpp"
#include "flow/yaml_reader.hpp"

namespace opaline::flow {

/// The keys of a flow of steps, which docs/flow.schema.json repeats.
inline constexpr std::array<std::string_view, 9> kStepFlowKeys = {
    "flow", "description", "host", "port", "endpoint", "timeout", "services", "steps", "output"};

/// Gives the flow of a file that a step runs. May be empty: then they are not read.
using SubFlowLoader = std::function<base::Result<AnyFlow>(const std::string& file)>;

/// Reads Opaline's own flow file. @param root of it. @param file its text. @param name its name,
/// for messages. @param mistakes in the text so far.
/// @error invalid_argument: all mistakes, one a line.
[[nodiscard]] base::Result<StepFlow> read_step_flow(const YamlNode& root, std::string_view file,
                                                    std::string_view name,
                                                    const SubFlowLoader& load, Mistakes mistakes);

}  // namespace opaline::flow
