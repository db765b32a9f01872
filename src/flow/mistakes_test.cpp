#include "flow/mistakes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace opaline::flow {
namespace {

TEST(Mistakes, AreListedInOrderOfTheirPlacesWithLineAndColumn) {
  Mistakes mistakes("ab\ncd\n");
  EXPECT_TRUE(mistakes.empty());
  mistakes.add(4, "second");
  mistakes.add(0, "first");
  mistakes.add(6, "at the end");
  const base::Error error = mistakes.error("flow.yaml");
  EXPECT_EQ(error.code, base::ErrorCode::invalid_argument);
  EXPECT_EQ(error.message,
            "flow.yaml:1:1: first\nflow.yaml:2:2: second\nflow.yaml:3:1: at the end");
}

TEST(Mistakes, CountColumnsInCharacters) {
  const Mistakes mistakes("x: äö€ y");
  EXPECT_EQ(mistakes.position(3), "1:4");
  EXPECT_EQ(mistakes.position(std::string_view("x: äö€ ").size()), "1:8");
}

TEST(Mistakes, ShowTheFirstFiftyAndCountTheRest) {
  Mistakes mistakes("x");
  for (int i = 0; i < 53; ++i) mistakes.add(0, "wrong");
  const std::string message = mistakes.error("f").message;
  EXPECT_TRUE(message.ends_with("f: and 3 more")) << message;
  EXPECT_EQ(std::ranges::count(message, '\n'), 50);
}

TEST(MistakesDeath, HaveNoErrorWhenThereIsNone) {
  EXPECT_DEATH((void)Mistakes("").error("f"), "empty");
}

TEST(InQuotes, ShowsTextAsItIs) { EXPECT_EQ(in_quotes("naïve €"), "'naïve €'"); }

TEST(InQuotes, NeverLetsAFileSteerTheTerminal) {
  EXPECT_EQ(in_quotes("a\x1b[31m\n"), "'a\\x1b[31m\\x0a'");
  EXPECT_EQ(in_quotes("\x7f"), "'\\x7f'");
  EXPECT_EQ(in_quotes("\u009b"), "'\\xc2\\x9b'");
  EXPECT_EQ(in_quotes("\u202etxt"), "'\\xe2\\x80\\xaetxt'");
  EXPECT_EQ(in_quotes("\u2066"), "'\\xe2\\x81\\xa6'");
  EXPECT_EQ(in_quotes("\xff"), "'\\xff'");
}

TEST(InQuotes, CutsLongText) {
  EXPECT_EQ(in_quotes(std::string(100, 'x')), "'" + std::string(64, 'x') + "…'");
  EXPECT_EQ(in_quotes(std::string(63, 'x') + "äää"), "'" + std::string(63, 'x') + "…'");
}

TEST(Suggestion, NamesTheNearestCandidate) {
  constexpr std::array<std::string_view, 4> kKeys = {"endpoint", "port", "host", "protocol"};
  const struct {
    std::string_view wrong, expected;
  } cases[] = {
      {"prot", "; did you mean 'port'?"},
      {"Port", "; did you mean 'port'?"},
      {"endpont", "; did you mean 'endpoint'?"},
      {"hots", "; did you mean 'host'?"},
      {"protocoll", "; did you mean 'protocol'?"},
      {"image", ""},
      {"x", ""},
      {"", ""},
  };
  for (const auto& one : cases) EXPECT_EQ(suggestion(one.wrong, kKeys), one.expected) << one.wrong;
  EXPECT_EQ(suggestion(std::string(100'000, 'p'), kKeys), "");
}

TEST(Suggestion, KnowsShortenedAndLengthenedNames) {
  constexpr std::array<std::string_view, 1> kKeys = {"opea_micro_services"};
  EXPECT_EQ(suggestion("micro_services", kKeys), "; did you mean 'opea_micro_services'?");
}

TEST(Listed, ReadsAsAPhrase) {
  constexpr std::array<std::string_view, 3> kNames = {"a", "b", "c"};
  EXPECT_EQ(listed(kNames), "a, b and c");
  EXPECT_EQ(listed(std::span(kNames).first(1)), "a");
  EXPECT_EQ(listed({}), "");
}

}  // namespace
}  // namespace opaline::flow
