#include "http/deadline_header.hpp"

#include <charconv>
#include <cstdint>
#include <string>
#include <system_error>

namespace opaline::http {

std::optional<std::chrono::milliseconds> time_left(const Headers& headers) {
  constexpr std::int64_t kDay = 24L * 60 * 60 * 1000;  // Longer is no limit.
  const std::string_view text = headers.get(kDeadlineHeader);
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 0 || count > kDay)
    return {};
  return std::chrono::milliseconds(count);
}

void tell_time_left(Headers& headers, const base::Context& context) {
  if (context.deadline == base::Context::Clock::time_point::max()) return;
  // Not less: ours should end first, and say so.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(context.remaining());
  headers.set(kDeadlineHeader, std::to_string(left.count()));
}

}  // namespace opaline::http
