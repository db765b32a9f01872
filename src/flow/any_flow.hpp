#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "flow/step_flow.hpp"

namespace opaline::flow {

/// Reads a flow file of either form, told by its keys: `opea_micro_services` for OPEA's, `steps`
/// for our own. Flows that steps run are named, not read. @param name the file's, for messages.
/// @error invalid_argument: all mistakes, one a line: "flow.yaml:3:5: …", see read_flow.
[[nodiscard]] base::Result<AnyFlow> read_any_flow(std::string_view yaml, const std::string& name);
/// The same from a file, with the flows that its steps run: at most limits::kSubFlowDepth inside of
/// one another and limits::kFlowSteps altogether. @error as load_flow.
/// @param opened if not null, gets all files that were tried, also when it fails.
[[nodiscard]] base::Result<AnyFlow> load_any_flow(
    const std::filesystem::path& file, std::vector<std::filesystem::path>* opened = nullptr);

}  // namespace opaline::flow
