#include "flow/duration.hpp"

#include <gtest/gtest.h>

namespace opaline::flow {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsANumberAndAUnit) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("5s"), 5s);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(Duration, SaysWhatIsWrong) {
  const auto wrong = [](std::string_view text) {
    const auto parsed = parse_duration(text);
    return parsed ? "" : parsed.error();
  };
  EXPECT_EQ(wrong("5"), "a unit is missing, as in 5s or 5ms");
  EXPECT_EQ(wrong("soon"), "expected a duration as 250ms, 5s, 2m or 1h, found 'soon'");
  EXPECT_EQ(wrong(""), "expected a duration as 250ms, 5s, 2m or 1h, found ''");
  EXPECT_EQ(wrong("-5s"), "expected a duration as 250ms, 5s, 2m or 1h, found '-5s'");
  EXPECT_EQ(wrong("5 s"), "expected a duration as 250ms, 5s, 2m or 1h, found '5 s'");
  EXPECT_EQ(wrong("1e3s"), "expected a duration as 250ms, 5s, 2m or 1h, found '1e3s'");
  EXPECT_EQ(wrong("nans"), "expected a duration as 250ms, 5s, 2m or 1h, found 'nans'");
  EXPECT_EQ(wrong("5d"), "expected a duration as 250ms, 5s, 2m or 1h, found '5d'");
  EXPECT_EQ(wrong("0.5ms"), "'0.5ms' is finer than a millisecond");
  EXPECT_EQ(wrong("99999999999h"), "'99999999999h' is too long");
}

TEST(Duration, IsWrittenWithTheLongestUnitThatFits) {
  EXPECT_EQ(duration_text(250ms), "250ms");
  EXPECT_EQ(duration_text(90s), "90s");
  EXPECT_EQ(duration_text(120s), "2m");
  EXPECT_EQ(duration_text(2h), "2h");
  EXPECT_EQ(duration_text(0ms), "0s");
}

}  // namespace
}  // namespace opaline::flow
