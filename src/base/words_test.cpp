#include "base/words.hpp"

#include <gtest/gtest.h>

namespace opaline::base {
namespace {

std::vector<std::string> texts(std::string_view text) {
  std::vector<std::string> found;
  for (const Word& word : words(text)) {
    EXPECT_EQ(word.text, text.substr(word.begin, word.text.size()));
    found.emplace_back(word.text);
  }
  return found;
}

TEST(Words, SplitsAtWhatIsNeitherLetterNorDigit) {
  EXPECT_EQ(texts("How's the (fast) mode?"),
            (std::vector<std::string>{"How", "s", "the", "fast", "mode"}));
  EXPECT_TRUE(texts("").empty());
  EXPECT_TRUE(texts(" ._, ").empty());
}

TEST(Words, KeepsIdentifiersAndNumbersWhole) {
  EXPECT_EQ(texts("max_connections = 1,600 / 15.2."),
            (std::vector<std::string>{"max_connections", "1,600", "15.2"}));
  EXPECT_EQ(texts("__init__ a_ b"), (std::vector<std::string>{"init", "a", "b"}));
}

TEST(Words, KeepsOtherScriptsAndDropsTypographicQuotes) {
  EXPECT_EQ(texts("“Größe” – ähnlich\u00a0данные"),
            (std::vector<std::string>{"Größe", "ähnlich", "данные"}));
}

TEST(Words, SurvivesCutSequences) { EXPECT_EQ(texts("a\xE2\x80").size(), 1U); }

TEST(StopWords, IgnoreCase) {
  EXPECT_TRUE(is_stop_word("The"));
  EXPECT_TRUE(is_stop_word("what"));
  EXPECT_FALSE(is_stop_word("vacuum"));
  EXPECT_FALSE(is_stop_word(""));
}

TEST(WordStem, MeetsAcrossInflections) {
  EXPECT_EQ(word_stem("columns"), word_stem("Column"));
  EXPECT_EQ(word_stem("settings"), word_stem("set"));
  EXPECT_EQ(word_stem("stored"), word_stem("storing"));
  EXPECT_EQ(word_stem("stored"), word_stem("store"));
  EXPECT_EQ(word_stem("queries"), word_stem("query"));
  EXPECT_EQ(word_stem("processes"), word_stem("process"));
  EXPECT_NE(word_stem("status"), word_stem("stat"));
  EXPECT_EQ(word_stem("ring"), "ring");
}

TEST(WordStem, LeavesIdentifiersAndNumbersAlone) {
  EXPECT_EQ(word_stem("wal_keep_segments"), "wal_keep_segments");
  EXPECT_EQ(word_stem("1,600"), "1600");
}

}  // namespace
}  // namespace opaline::base
