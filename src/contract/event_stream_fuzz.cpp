// However the bytes are cut, the events are the same; and what we format comes back as it was.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "contract/event_stream.hpp"

namespace {

using namespace opaline::contract;

struct Reading {
  std::vector<Event> events;
  bool inside = false;
};

std::optional<Reading> read(std::string_view bytes, std::size_t piece) {
  EventParser parser;
  Reading reading;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    if (!parser.feed(bytes.substr(0, piece))) return std::nullopt;
    while (auto event = parser.next()) reading.events.push_back(*std::move(event));
  }
  reading.inside = parser.inside_event();
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto at_once = read(bytes, size);
  for (const std::size_t piece : {std::size_t{1}, 1 + size / 3}) {
    const auto in_pieces = read(bytes, piece);
    OPALINE_ASSERT(at_once.has_value() == in_pieces.has_value());
    OPALINE_ASSERT(!at_once ||
                   (at_once->events == in_pieces->events && at_once->inside == in_pieces->inside));
  }
  if (bytes.find('\r') == bytes.npos) {
    const auto back = read(format_event(bytes, "type"), 5);
    OPALINE_ASSERT(back && back->events.size() == 1);
    OPALINE_ASSERT(back->events.front() == (Event{"type", std::string(bytes), ""}));
  }
  return 0;
}
