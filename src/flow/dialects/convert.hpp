#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "flow/dialects/dialect.hpp"

namespace opaline::flow {

/// A flow file in another form.
struct Converted {
  std::string text;                 ///< YAML; JSON for Dialect::studio. `notes` stand at its top.
  std::vector<std::string> notes;   ///< What is not the same, or was not in the flow; for people.
  std::vector<std::string> losses;  ///< What the form cannot say, and the text does not.
};

/// Reads a file of any form and writes it in another; what the flow is stays the same, comments do
/// not (a file that has the form already is as it was). Flows that steps run keep their file names.
/// @param name the file's, for messages.
/// @error invalid_argument: all mistakes, one a line, as read_any_flow has them.
[[nodiscard]] base::Result<Converted> convert(std::string_view text, const std::string& name,
                                              Dialect to);

}  // namespace opaline::flow
