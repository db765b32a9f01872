#include "base/utf8.hpp"

#include <gtest/gtest.h>

#include "base/json_text.hpp"

namespace opaline::base {
namespace {

TEST(Utf8, TellsWellFormedFromIllFormed) {
  for (const std::string_view good : {"", "abc", "é", "€", "😀", "\x7F", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const std::string_view bad : {
           "\x80",
           "\xC0\x80",
           "\xC1\xBF",
           "\xE0\x80\x80",
           "\xED\xA0\x80",
           "\xF0\x80\x80\x80",
           "\xF4\x90\x80\x80",
           "\xF5\x80\x80\x80",
           "\xFF",
           "\xE2\x82",
           "a\xC3",
       }) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(Utf8, CountsCodePoints) {
  EXPECT_EQ(utf8_length("a€😀"), 3U);
  EXPECT_EQ(utf8_length("\xFF\xFF"), 2U);
}

TEST(Utf8, ReplacesEachIllFormedByte) { EXPECT_EQ(to_utf8("a\xFFz"), "a\xEF\xBF\xBDz"); }

TEST(Utf8, PrefixNeverCutsACodePoint) {
  const std::string_view text = "a€b";
  EXPECT_EQ(utf8_prefix(text, 0), "");
  EXPECT_EQ(utf8_prefix(text, 1), "a");
  EXPECT_EQ(utf8_prefix(text, 2), "a");
  EXPECT_EQ(utf8_prefix(text, 3), "a");
  EXPECT_EQ(utf8_prefix(text, 4), "a€");
  EXPECT_EQ(utf8_prefix(text, 99), text);
}

TEST(JsonText, EscapesAndStaysValid) {
  std::string out;
  append_json_string(out, std::string_view("a\"\\\n\t\r\x01\0€\xFF", 12));
  EXPECT_EQ(out, "\"a\\\"\\\\\\n\\t\\r\\u0001\\u0000€\xEF\xBF\xBD\"");
}

TEST(JsonText, KeepsThePlainWhole) {
  std::string out = "[";
  append_json_string(out, "");
  append_json_string(out, "plain text \x7F");
  append_json_string(out, "ends with \"");
  EXPECT_EQ(out, "[\"\"\"plain text \x7F\"\"ends with \\\"\"");
}

TEST(Utf8, FindsTheFaultWhereverItStands) {
  for (std::size_t at = 0; at < 20; ++at) {
    std::string text(20, 'a');
    text[at] = '\xFF';
    EXPECT_FALSE(is_utf8(text)) << at;
  }
  EXPECT_TRUE(is_utf8("1234567€1234567€12345678"));
}

}  // namespace
}  // namespace opaline::base
