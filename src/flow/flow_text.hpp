#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace opaline::flow {

/// The text of a flow file. @error not_found; permission_denied; invalid_argument: no regular file,
/// or above limits::kFlowFileBytes; unavailable: it cannot be read.
[[nodiscard]] base::Result<std::string> read_flow_text(const std::filesystem::path& path);

}  // namespace opaline::flow
