#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace opaline::python {

/// Cuts a streamed body into whole server-sent events, each with its blank line at the end, however
/// the network had cut it: what reads a piece at a time never sees two events in one or half a one.
/// Bytes that do not begin like an event (plain text, TTS audio) pass as they come.
class EventCutter {
 public:
  /// @return the pieces that are whole now, in order.
  [[nodiscard]] std::vector<std::string> feed(std::string_view bytes);
  /// What is left when the body ends: an event without its blank line, or nothing.
  [[nodiscard]] std::string rest();

 private:
  std::string pending_;
  std::size_t searched_ = 0;  // Of `pending_`, bytes that hold no event's end.
};

}  // namespace opaline::python
