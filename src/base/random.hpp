#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace opaline::base {

/// Fills `bytes` from the system's random source (getrandom). Fit for keys and ids.
void fill_random(std::span<std::uint8_t> bytes);

/// `bytes` random bytes as lower-case hex: twice as many characters. For ids.
[[nodiscard]] std::string random_hex(std::size_t bytes);

}  // namespace opaline::base
