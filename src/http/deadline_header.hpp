#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/context.hpp"
#include "http/message.hpp"

namespace opaline::http {

/// How long the caller waits for the reply, in whole milliseconds from when the request is sent.
/// The receiver need not work longer than that.
inline constexpr std::string_view kDeadlineHeader = "x-request-deadline-ms";

/// What it says; nothing without it, or when it is no whole number of milliseconds.
[[nodiscard]] std::optional<std::chrono::milliseconds> time_left(const Headers& headers);
/// Tells what is left of the context's time; nothing without a deadline.
void tell_time_left(Headers& headers, const base::Context& context);

}  // namespace opaline::http
