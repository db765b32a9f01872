#include "flow/duration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

#include "flow/mistakes.hpp"

namespace opaline::flow {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
// The longest first: how a duration is written.
constexpr std::array<Unit, 4> kUnits = {{{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};

}  // namespace

std::expected<std::chrono::milliseconds, std::string> parse_duration(std::string_view text) {
  constexpr double kMost = 1e12;  // Some thirty years: far above every limit.
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number, std::chars_format::fixed);
  const std::string_view unit(end, static_cast<std::size_t>(last - end));
  const auto* const known = std::ranges::find(kUnits, unit, &Unit::name);
  const bool begins_with_digit = !text.empty() && text[0] >= '0' && text[0] <= '9';
  if (begins_with_digit && error == std::errc() && unit.empty()) {
    return std::unexpected(
        fmt::format("a unit is missing, as in {0}s or {0}ms", text.substr(0, 16)));
  }
  if (!begins_with_digit || error != std::errc() || known == kUnits.end()) {
    return std::unexpected("expected a duration as 250ms, 5s, 2m or 1h, found " + in_quotes(text));
  }
  const double milliseconds = number * static_cast<double>(known->milliseconds);
  if (milliseconds > kMost) return std::unexpected(in_quotes(text) + " is too long");
  if (std::trunc(milliseconds) != milliseconds) {
    return std::unexpected(in_quotes(text) + " is finer than a millisecond");
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds));
}

std::string duration_text(std::chrono::milliseconds duration) {
  const auto* const unit = std::ranges::find_if(kUnits, [duration](const Unit& one) {
    return duration.count() % one.milliseconds == 0 && duration.count() >= one.milliseconds;
  });
  if (unit == kUnits.end()) return "0s";
  return fmt::format("{}{}", duration.count() / unit->milliseconds, unit->name);
}

}  // namespace opaline::flow
