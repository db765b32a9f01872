#include "services/answering/sentences.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace opaline::services {
namespace {

using testing::ElementsAre;

std::vector<std::string> texts(std::string_view passage) {
  std::vector<std::string> found;
  for (const Sentence& sentence : sentences(passage))
    found.emplace_back(sentence.range.of(passage));
  return found;
}

TEST(Sentences, EndAtTheirTerminators) {
  EXPECT_THAT(texts("The default is 100. Is it enough? Yes! It (mostly) is."),
              ElementsAre("The default is 100.", "Is it enough?", "Yes!", "It (mostly) is."));
  EXPECT_THAT(texts("He said “stop.” Then he left."),
              ElementsAre("He said “stop.”", "Then he left."));
}

TEST(Sentences, DoNotEndInsideNumbersNamesAndAbbreviations) {
  EXPECT_THAT(texts("Use version 15.2 of pg_dump.exe, e.g. The old one, i.e. version 9."),
              ElementsAre("Use version 15.2 of pg_dump.exe, e.g. The old one, i.e. version 9."));
  EXPECT_THAT(texts("See J. Smith. 24 bytes. the rest"),
              ElementsAre("See J. Smith.", "24 bytes. the rest"));
}

TEST(Sentences, EndAtLineBreaksOfRowsItemsAndCode) {
  EXPECT_THAT(texts("columns per table | 1,600\nrows per table | unlimited\n- first item\n- second "
                    "item\nSELECT 1;"),
              ElementsAre("columns per table | 1,600", "rows per table | unlimited", "- first item",
                          "- second item", "SELECT 1;"));
}

TEST(Sentences, GoOnInWrappedProse) {
  EXPECT_THAT(
      texts("A prepared statement is a server-side object that can be used\nto optimise "
            "performance. It lasts."),
      ElementsAre(
          "A prepared statement is a server-side object that can be used\nto optimise performance.",
          "It lasts."));
}

TEST(Sentences, KnowTheTermAboveThem) {
  const std::string passage =
      "checkpoint_timeout (integer)\nMaximum time between checkpoints. The default is five "
      "minutes.";
  const auto all = sentences(passage);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_TRUE(all[0].label.empty());
  EXPECT_EQ(all[2].label.of(passage), "checkpoint_timeout (integer)");
  EXPECT_EQ(all[2].paragraph.of(passage),
            "Maximum time between checkpoints. The default is five minutes.");
  EXPECT_EQ(all[1].paragraph.of(passage), "Maximum time between checkpoints.");
}

TEST(Sentences, RowsAreNoTerms) {
  const std::string passage = "Item | Limit\ncolumns | 1,600\nrows | many";
  for (const Sentence& sentence : sentences(passage)) EXPECT_TRUE(sentence.label.empty());
}

TEST(Sentences, OfNothingAreNone) {
  EXPECT_TRUE(sentences("").empty());
  EXPECT_TRUE(sentences(" \n\n ").empty());
}

TEST(Sentences, CoverAllTextInOrder) {
  std::mt19937 random(7);
  const std::string_view alphabet = "aB1 .?!\n|-\"“";
  for (int round = 0; round < 2000; ++round) {
    std::string passage;
    for (int i = 0; i < 40; ++i) passage += alphabet[random() % alphabet.size()];
    std::size_t at = 0;
    for (const Sentence& sentence : sentences(passage)) {
      ASSERT_LE(at, sentence.range.begin) << passage;
      ASSERT_LT(sentence.range.begin, sentence.range.end) << passage;
      ASSERT_LE(sentence.range.end, passage.size()) << passage;
      ASSERT_EQ(
          std::string_view(passage).substr(at, sentence.range.begin - at).find_first_not_of(" \n"),
          std::string_view::npos)
          << passage;
      at = sentence.range.end;
    }
    ASSERT_EQ(std::string_view(passage).substr(at).find_first_not_of(" \n"), std::string_view::npos)
        << passage;
  }
}

TEST(SentenceEnd, WaitsForWhatFollows) {
  EXPECT_EQ(sentence_end("It is 100."), 0U);
  EXPECT_EQ(sentence_end("It is 100. "), 0U);
  EXPECT_EQ(sentence_end("It is 100. T"), 10U);
  EXPECT_EQ(sentence_end("It is 100.5 m"), 0U);
  EXPECT_EQ(sentence_end("a line\nb"), 6U);
}

}  // namespace
}  // namespace opaline::services
