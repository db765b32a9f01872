#include "flow/letter_case.hpp"

#include <gtest/gtest.h>

#include "base/utf8.hpp"

namespace opaline::flow {
namespace {

TEST(LetterCase, ChangesLatinGreekAndCyrillicLetters) {
  EXPECT_EQ(lower_case("ÀÖØÞ ĀĮĲĶĹŇŊŶŹŽ ΑΡΣΩ ЀЏАЯ Z"), "àöøþ āįĳķĺňŋŷźž αρσω ѐџая z");
  EXPECT_EQ(upper_case("àöøþ āįĳķĺňŋŷźž αρσςω ѐџая z"), "ÀÖØÞ ĀĮĲĶĹŇŊŶŹŽ ΑΡΣΣΩ ЀЏАЯ Z");
}

TEST(LetterCase, LeavesWhatHasNoCounterpart) {
  for (const std::string text : {"ß×÷ıĸŉſ", "日本 😀 123", "a\xff\x80", ""}) {
    const std::string shown = text == "a\xff\x80" ? "A\xff\x80" : text;
    EXPECT_EQ(upper_case(text), shown);
    EXPECT_EQ(lower_case(shown), text);
  }
}

TEST(LetterCase, GoesThereAndBack) {
  for (unsigned letter = 0x80; letter < 0x800; ++letter) {
    const std::string text = {static_cast<char>(0xC0 | letter >> 6),
                              static_cast<char>(0x80 | (letter & 0x3F))};
    EXPECT_TRUE(base::is_utf8(upper_case(text)));
    EXPECT_EQ(upper_case(lower_case(upper_case(text))), upper_case(text)) << letter;
  }
}

}  // namespace
}  // namespace opaline::flow
