#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace opaline::contract {

/// One server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html).
struct Event {
  std::string type;  ///< "" for the default type.
  std::string data;  ///< Lines joined by \n.
  std::string id;    ///< The last one that the stream gave, here or earlier.

  friend bool operator==(const Event&, const Event&) = default;
};

/// Reads server-sent events out of bytes that are cut anywhere: inside a line, a CRLF or a UTF-8
/// sequence. No I/O.
class EventParser {
 public:
  /// @error resource_exhausted: an event above limits::kEventBytes. The parser is then of no more
  /// use.
  [[nodiscard]] base::Result<void> feed(std::string_view bytes);
  /// The next whole event, in order; nothing when more bytes are needed. Comments are dropped.
  [[nodiscard]] std::optional<Event> next();
  /// True when the bytes so far end inside an event: the stream broke off. Such an event is not
  /// delivered.
  [[nodiscard]] bool inside_event() const;

 private:
  void take_line();
  void dispatch();

  std::string line_;  // What has come of the line being read.
  Event event_;       // What has come of the event being read; its id is that of the stream so far.
  std::deque<Event> ready_;
  bool has_data_ = false;
  bool at_start_ = true;  // A byte order mark may come.
  bool after_return_ =
      false;  // A line feed that comes now belongs to the carriage return before it.
};

/// "data: …\n\n", with `data` split at line ends (CR, LF, CR LF) as the specification asks. `type`
/// has none.
[[nodiscard]] std::string format_event(std::string_view data, std::string_view type = {});

}  // namespace opaline::contract
