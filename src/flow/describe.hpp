#pragma once

#include <string>

#include "flow/flow_file.hpp"

namespace opaline::flow {

/// A flow as a tree of text, for people: each step under the first that leads to it, once in full
/// and with "(above)" where others lead to it too; where it runs; then the services beside the
/// flow, and the notes.
[[nodiscard]] std::string describe(const FlowSpec& spec);

}  // namespace opaline::flow
