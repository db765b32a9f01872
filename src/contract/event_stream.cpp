#include "contract/event_stream.hpp"

#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"

namespace opaline::contract {

base::Result<void> EventParser::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (std::exchange(after_return_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const auto end = bytes.find_first_of("\r\n");
    const auto piece = bytes.substr(0, end);
    if (line_.size() + piece.size() + event_.data.size() + event_.type.size() >
        limits::kEventBytes) {
      return base::fail(base::ErrorCode::resource_exhausted,
                        "A server-sent event is above the limit of " +
                            std::to_string(limits::kEventBytes) + " bytes.");
    }
    line_.append(piece);
    if (end == bytes.npos) break;
    after_return_ = bytes[end] == '\r';
    take_line();
    bytes.remove_prefix(end + 1);
  }
  return {};
}

void EventParser::take_line() {
  std::string_view line = line_;
  if (std::exchange(at_start_, false) && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  auto value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);

  if (line.empty()) {
    dispatch();
  } else if (field == "data") {
    if (std::exchange(has_data_, true)) event_.data += '\n';
    event_.data += value;
  } else if (field == "event") {
    event_.type = value;
  } else if (field == "id" && value.find('\0') == value.npos) {
    event_.id = value;
  }
  line_.clear();
}

void EventParser::dispatch() {
  Event whole{std::exchange(event_.type, {}), std::exchange(event_.data, {}), event_.id};
  if (std::exchange(has_data_, false)) ready_.push_back(std::move(whole));
}

std::optional<Event> EventParser::next() {
  if (ready_.empty()) return std::nullopt;
  Event first = std::move(ready_.front());
  ready_.pop_front();
  return first;
}

bool EventParser::inside_event() const {
  const bool inside_line = !line_.empty() && line_.front() != ':';
  return has_data_ || !event_.type.empty() || inside_line;
}

std::string format_event(std::string_view data, std::string_view type) {
  OPALINE_ASSERT(type.find_first_of("\r\n") == type.npos);
  std::string text;
  text.reserve(data.size() + type.size() + 16);
  if (!type.empty()) text.append("event: ").append(type).append("\n");
  for (;;) {
    const auto end = data.find_first_of("\r\n");
    text.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == data.npos) break;
    data.remove_prefix(data.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  text += '\n';
  return text;
}

}  // namespace opaline::contract
