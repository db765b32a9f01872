#pragma once

#include <string>
#include <string_view>

#include "flow/expression_functions.hpp"
#include "flow/expression_tree.hpp"

namespace opaline::flow {

// One table of what operators take, for the check before anything runs and for the evaluation. A
// function named …_misfit says why it cannot be done, with a remedy; nothing when it can.

/// @param operation one with two operands that looks at both: not &&, ||, ??.
[[nodiscard]] std::string binary_misfit(Operator operation, Type left, Type right);
[[nodiscard]] std::string negation_misfit(Type operand);
/// @param what "'&&'".
[[nodiscard]] std::string condition_misfit(std::string_view what, Type operand);
[[nodiscard]] std::string member_misfit(std::string_view member, Type of);
[[nodiscard]] std::string index_misfit(Type of, Type index);

/// Of an operator that takes these.
[[nodiscard]] Type result_type(Operator operation, Type left, Type right);
/// REQUIRES: no misfit.
[[nodiscard]] Outcome apply(Operator operation, Operand left, Operand right, Budget& budget);
/// REQUIRES: a number.
[[nodiscard]] Outcome negated(const boost::json::value& number);
/// Whether a condition holds: null does not. REQUIRES: no misfit.
[[nodiscard]] bool is_true(const boost::json::value& condition);

}  // namespace opaline::flow
