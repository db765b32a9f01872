#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.hpp"

namespace opaline::gateway {

/// @param characters the most code points allowed; 0: any number.
/// @error invalid_argument: nothing but blanks, or too long (the message says how long and what is
/// allowed).
[[nodiscard]] base::Result<void> check_question(std::string_view text, std::size_t characters);

}  // namespace opaline::gateway
