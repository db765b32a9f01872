#include "contract/event_stream.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/limits.hpp"

namespace opaline::contract {
namespace {

using namespace std::string_literals;

std::vector<Event> parse(std::string_view bytes, std::size_t piece_bytes) {
  EventParser parser;
  std::vector<Event> events;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece_bytes, bytes.size()))) {
    EXPECT_TRUE(parser.feed(bytes.substr(0, piece_bytes)));
    while (auto event = parser.next()) events.push_back(*std::move(event));
  }
  return events;
}

struct Case {
  const char* name;
  std::string bytes;
  std::vector<Event> events;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class EventStreamTable : public testing::TestWithParam<Case> {};

TEST_P(EventStreamTable, IsReadTheSameHoweverItIsCut) {
  const Case& one = GetParam();
  for (std::size_t piece = 1; piece <= one.bytes.size(); ++piece) {
    EXPECT_EQ(parse(one.bytes, piece), one.events) << "in pieces of " << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Specification, EventStreamTable,
    testing::Values(
        Case{"line feeds", "data: a\n\ndata: b\n\n", {{"", "a", ""}, {"", "b", ""}}},
        Case{"carriage returns", "data: a\r\rdata: b\r\r", {{"", "a", ""}, {"", "b", ""}}},
        Case{"both", "data: a\r\n\r\ndata: b\r\n\r\n", {{"", "a", ""}, {"", "b", ""}}},
        Case{"mixed",
             "data: a\r\n\ndata: b\n\r\ndata: c\r\n\r",
             {{"", "a", ""}, {"", "b", ""}, {"", "c", ""}}},
        Case{"several lines", "data: a\ndata\ndata: b\n\n", {{"", "a\n\nb", ""}}},
        Case{"type and id",
             "event: delta\nid: 7\ndata: x\n\ndata: y\n\n",
             {{"delta", "x", "7"}, {"", "y", "7"}}},
        Case{"id with NUL", "id: a\0b\ndata: x\n\n"s, {{"", "x", ""}}},
        Case{"comments", ": keep-alive\n\n:\ndata: x\n: y\n\n", {{"", "x", ""}}},
        Case{"byte order mark", "\xEF\xBB\xBF"s + "data: x\n\n", {{"", "x", ""}}},
        Case{"second byte order mark",
             "\xEF\xBB\xBF\xEF\xBB\xBF"s + "data: x\n\ndata: y\n\n",
             {{"", "y", ""}}},
        Case{"one space only", "data:  x\n\ndata:y\n\n", {{"", " x", ""}, {"", "y", ""}}},
        Case{"empty data is data", "data\n\ndata:\n\n", {{"", "", ""}, {"", "", ""}}},
        Case{"no data, no event", "event: x\n\ndata: y\n\n", {{"", "y", ""}}},
        Case{"unknown fields", "retry: abc\nDATA: x\nfoo\ndata: y\n\n", {{"", "y", ""}}},
        Case{"cut-off last event", "data: x\n\ndata: y\n", {{"", "x", ""}}},
        Case{"colon in data", "data: {\"a\": 1}\n\n", {{"", "{\"a\": 1}", ""}}},
        Case{"UTF-8", "data: \xE2\x82\xAC\n\n", {{"", "\xE2\x82\xAC", ""}}}));

TEST(EventParser, KnowsWhetherItIsInsideAnEvent) {
  const std::pair<std::string_view, bool> cases[] = {
      {"", false},          {"data: x\n\n", false},    {"data: x\n\n: comment", false},
      {"id: 1\n", false},   {"data: x\n", true},       {"dat", true},
      {"event: x\n", true}, {"data: x\n\ndata", true},
  };
  for (const auto& [bytes, inside] : cases) {
    EventParser parser;
    ASSERT_TRUE(parser.feed(bytes));
    EXPECT_EQ(parser.inside_event(), inside) << bytes;
  }
}

TEST(EventParser, RefusesAnEventAboveTheLimit) {
  EventParser in_one_line;
  EXPECT_TRUE(in_one_line.feed("data: "));
  EXPECT_TRUE(in_one_line.feed(std::string(limits::kEventBytes - 6, 'x')));
  EXPECT_EQ(in_one_line.feed("x").error().code, base::ErrorCode::resource_exhausted);

  EventParser in_many_lines;
  base::Result<void> fed;
  std::size_t bytes = 0;
  for (; fed && bytes < 2 * limits::kEventBytes; bytes += 1007)
    fed = in_many_lines.feed("data: " + std::string(1000, 'x') + "\n");
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, base::ErrorCode::resource_exhausted);
}

TEST(EventParser, TakesAnyNumberOfSmallEventsAtOnce) {
  std::string bytes;
  while (bytes.size() < 2 * limits::kEventBytes) bytes += "data: x\n\n";
  EXPECT_EQ(parse(bytes, bytes.size()).size(), bytes.size() / 9);
}

TEST(FormatEvent, SplitsLinesSoThatTheParserJoinsThem) {
  EXPECT_EQ(format_event("x"), "data: x\n\n");
  EXPECT_EQ(format_event("x", "delta"), "event: delta\ndata: x\n\n");
  EXPECT_EQ(format_event("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(parse(format_event("a\n\nb\n"), 1), (std::vector<Event>{{"", "a\n\nb\n", ""}}));
  EXPECT_EQ(parse(format_event(""), 1), (std::vector<Event>{{"", "", ""}}));
}

}  // namespace
}  // namespace opaline::contract
