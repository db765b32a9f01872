#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

namespace opaline::flow {

/// A time as a flow file has it: "250ms", "5s", "1.5s", "2m", "1h"; whole milliseconds.
/// @return otherwise what is wrong, for a message.
[[nodiscard]] std::expected<std::chrono::milliseconds, std::string> parse_duration(
    std::string_view text);
/// The same backwards: "250ms", "90s", "2m".
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);

}  // namespace opaline::flow
