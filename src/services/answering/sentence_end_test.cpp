#include "services/answering/sentence_end.hpp"

#include <gtest/gtest.h>

namespace opaline::services {
namespace {

TEST(SentenceEnd, WaitsForWhatFollows) {
  EXPECT_EQ(sentence_end("It is 100."), 0U);
  EXPECT_EQ(sentence_end("It is 100. "), 0U);
  EXPECT_EQ(sentence_end("It is 100. T"), 10U);
  EXPECT_EQ(sentence_end("It is 100.5 m"), 0U);
  EXPECT_EQ(sentence_end("a line\nb"), 6U);
}

TEST(SentenceEnd, IsAfterWhatItCloses) {
  EXPECT_EQ(find_sentence_end("(So it is.) Then", 9), 11U);
  EXPECT_EQ(find_sentence_end("He said “stop.” Then", 15), 19U);
  EXPECT_FALSE(find_sentence_end("See e.g. The one", 7));
  EXPECT_FALSE(find_sentence_end("pg_dump. the rest", 7));
  EXPECT_FALSE(find_sentence_end("a", 0));
}

TEST(SentenceEnd, TellsSentencesFromCode) {
  for (const char* line : {"It is.", "opaline up starts it.", "Is it?", "(It is.)", "Он здесь.",
                           "--collection keeps them apart."})
    EXPECT_TRUE(ends_sentence(line)) << line;
  for (const char* line : {"# It is.", "// It is.", "-- It is.", " * It is.",
                           "opaline ask \"Why?\"", "It is", "x = 1;", ""})
    EXPECT_FALSE(ends_sentence(line)) << line;
}

}  // namespace
}  // namespace opaline::services
