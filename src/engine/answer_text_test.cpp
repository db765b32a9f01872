#include "engine/answer_text.hpp"

#include <gtest/gtest.h>

namespace opaline::engine {
namespace {

TEST(AnswerText, PassesPlainTextAtOnce) {
  AnswerText text({});
  EXPECT_EQ(text.add("Hello"), "Hello");
  EXPECT_EQ(text.add(""), "");
  EXPECT_EQ(text.finish(), "");
}

TEST(AnswerText, HoldsHalfCharactersBack) {
  AnswerText text({});
  const std::string rocket = "🚀";
  EXPECT_EQ(text.add("a" + rocket.substr(0, 1)), "a");
  EXPECT_EQ(text.add(rocket.substr(1, 2)), "");
  EXPECT_EQ(text.add(rocket.substr(3) + "b"), rocket + "b");
}

TEST(AnswerText, ReplacesHalfCharactersAtTheEnd) {
  AnswerText text({});
  EXPECT_EQ(text.add("x\xF0\x9F"), "x");
  const std::string rest = text.finish();
  EXPECT_NE(rest.find("\uFFFD"), std::string::npos);
}

TEST(AnswerText, ReplacesBytesThatAreNoCharacter) {
  AnswerText text({});
  EXPECT_EQ(text.add("a\xFF"), "a\uFFFD");
  EXPECT_EQ(text.add("\x80z"), "\uFFFDz");
}

TEST(AnswerText, StopsAtAStopStringWithinOneToken) {
  AnswerText text({"END"});
  EXPECT_EQ(text.add("the ENDing"), "the ");
  EXPECT_TRUE(text.stopped());
  EXPECT_EQ(text.add("more"), "");
  EXPECT_EQ(text.finish(), "");
}

TEST(AnswerText, StopsAtAStopStringAcrossTokens) {
  AnswerText text({"\n\nQ:"});
  EXPECT_EQ(text.add("Paris\n"), "Paris");
  EXPECT_EQ(text.add("\n"), "");
  EXPECT_EQ(text.add("Q"), "");
  EXPECT_FALSE(text.stopped());
  EXPECT_EQ(text.add(": next"), "");
  EXPECT_TRUE(text.stopped());
}

TEST(AnswerText, GivesBackWhatWasNoStopStringAfterAll) {
  AnswerText text({"abcd"});
  EXPECT_EQ(text.add("xabc"), "x");
  EXPECT_EQ(text.add("abc"), "abc");
  EXPECT_EQ(text.add("!"), "abc!");
  EXPECT_EQ(text.add("ab"), "");
  EXPECT_EQ(text.finish(), "ab");
}

TEST(AnswerText, TakesTheFirstOfSeveralStopStrings) {
  AnswerText text({"", "two", "one"});
  EXPECT_EQ(text.add("zero one two"), "zero ");
  EXPECT_TRUE(text.stopped());
}

TEST(AnswerText, HoldsBackFromTheEarliestPossibleStop) {
  AnswerText text({"aab", "b🚀"});
  EXPECT_EQ(text.add("caa"), "c");
  EXPECT_EQ(text.add("a"), "a");
  EXPECT_EQ(text.add("b"), "");
  EXPECT_TRUE(text.stopped());
}

}  // namespace
}  // namespace opaline::engine
