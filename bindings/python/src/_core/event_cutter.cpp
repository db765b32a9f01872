#include "_core/event_cutter.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/limits.hpp"

namespace opaline::python {
namespace {

/// Lines that an event stream may have. A line end comes first when a server sends several.
constexpr std::array<std::string_view, 7> kLineStarts = {
    "data:", "event:", "id:", "retry:", ":", "\n", "\r"};

enum class Start { event, not_event, too_short };

Start classify(std::string_view text) {
  const auto is_start = [text](std::string_view start) { return text.starts_with(start); };
  if (std::ranges::any_of(kLineStarts, is_start)) return Start::event;
  const auto may_become = [text](std::string_view start) { return start.starts_with(text); };
  return std::ranges::any_of(kLineStarts, may_become) ? Start::too_short : Start::not_event;
}

/// One past the blank line that ends the event, or npos. @param from where to start looking.
std::size_t event_end(std::string_view text, std::size_t from) {
  constexpr std::string_view::size_type none = std::string_view::npos;
  for (std::size_t at = text.find_first_of("\r\n", from); at != none;
       at = text.find_first_of("\r\n", at + 1)) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("\n\n") || rest.starts_with("\r\r")) return at + 2;
    if (rest.starts_with("\r\n\r\n")) return at + 4;
  }
  return none;
}

}  // namespace

std::vector<std::string> EventCutter::feed(std::string_view bytes) {
  pending_ += bytes;
  std::vector<std::string> pieces;
  std::size_t begin = 0;
  while (begin < pending_.size()) {
    const std::string_view left = std::string_view(pending_).substr(begin);
    const Start start = classify(left);
    if (start == Start::too_short) break;
    std::size_t end = left.size();
    if (start == Start::event) {
      end = event_end(left, searched_);
      if (end == std::string_view::npos && left.size() <= limits::kEventBytes) {
        searched_ = left.size() > 3 ? left.size() - 3 : 0;
        break;
      }
      end = std::min(end, left.size());
    }
    pieces.emplace_back(left.substr(0, end));
    begin += end;
    searched_ = 0;
  }
  pending_.erase(0, begin);
  return pieces;
}

std::string EventCutter::rest() {
  searched_ = 0;
  return std::exchange(pending_, {});
}

}  // namespace opaline::python
