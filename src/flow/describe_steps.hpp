#pragma once

#include <string>

#include "flow/step_flow.hpp"

namespace opaline::flow {

/// A flow of steps as a tree of text, for people: each step under the first that leads to it, with
/// what it uses, where that runs, and its policies; then the notes.
[[nodiscard]] std::string describe(const StepFlow& flow);

}  // namespace opaline::flow
