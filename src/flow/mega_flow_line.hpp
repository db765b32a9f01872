#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "flow/mistakes.hpp"

namespace opaline::flow {

/// One line of a mega_flow, "(a, b) >> c >> d": stages in order; every step of one stage leads to
/// every step of the next.
///
///   expression = stage { ">>" stage }
///   stage      = name | "(" name { "," name } ")"
///   name       = 1 … 64 of A-Z a-z 0-9 _ . -
struct MegaFlowLine {
  struct Name {
    std::string text;
    std::size_t place = 0;  ///< Byte offset in the expression.
  };
  using Stage = std::vector<Name>;

  std::vector<Stage> stages;  ///< At least one; none is empty.
};

/// Reads at most limits::kFlowSteps names. White space between the parts means nothing.
[[nodiscard]] std::expected<MegaFlowLine, Mistake> parse_mega_flow_line(std::string_view text);

}  // namespace opaline::flow
