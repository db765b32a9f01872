#include "services/answering/sentences.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace opaline::services {
namespace {

using testing::ElementsAre;

std::vector<std::string> texts(std::string_view passage, std::string_view title_path = {}) {
  std::vector<std::string> found;
  for (const Sentence& sentence : sentences(passage, title_path))
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

TEST(Sentences, AreItemsWithoutTheirMarkers) {
  EXPECT_THAT(texts("- first item\n- second one. It is long.\n  12. a third\n• fourth"),
              ElementsAre("first item", "second one. It is long.", "a third", "fourth"));
}

TEST(Sentences, GoOnInWrappedProse) {
  EXPECT_THAT(
      texts("A prepared statement is a server-side object that can be used\nto optimise "
            "performance. It lasts."),
      ElementsAre(
          "A prepared statement is a server-side object that can be used\nto optimise performance.",
          "It lasts."));
}

TEST(Sentences, AreNeverHeadings) {
  const std::string passage =
      "Add documents\n\nIn the console, drop files on the page.\n\nDelete\n\nChoose one first.";
  const auto all = sentences(passage);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].heading.of(passage), "Add documents");
  EXPECT_EQ(all[1].range.of(passage), "Choose one first.");
  EXPECT_EQ(all[1].heading.of(passage), "Delete");
}

TEST(Sentences, KnowHeadingsByTheTitlePathWhateverTheyLookLike) {
  const std::string passage = "/v1/documents\n\nIt lists them.";
  EXPECT_THAT(texts(passage, "The API > /v1/documents"), ElementsAre("It lists them."));
  EXPECT_THAT(texts(passage, "The API"), ElementsAre("/v1/documents", "It lists them."));
}

TEST(Sentences, HaveTheCodeAndListsThatTheyAnnounce) {
  EXPECT_THAT(texts("It is read. This command starts it:\n\nopaline up\nopaline ask\n\nThen wait."),
              ElementsAre("It is read.", "This command starts it:\n\nopaline up\nopaline ask",
                          "Then wait."));
  EXPECT_THAT(texts("There are two kinds:\n\n- large ones\n- small ones"),
              ElementsAre("There are two kinds:\n\n- large ones\n- small ones"));
  EXPECT_THAT(texts("It ends as one of:\n\nstate | meaning\nready | done"),
              ElementsAre("It ends as one of:\n\nstate | meaning\nready | done"));
  EXPECT_THAT(texts("Two kinds:\n- large ones\n- small ones"),
              ElementsAre("Two kinds:\n- large ones\n- small ones"));
}

TEST(Sentences, GoOnAfterOr) {
  EXPECT_THAT(texts("Open the page. Drop files on it. Or:\n\nopaline ingest FILE"),
              ElementsAre("Open the page. Drop files on it. Or:\n\nopaline ingest FILE"));
}

TEST(Sentences, DoNotAnnounceWhatIsLong) {
  std::string passage = "It has many parts:\n\n";
  for (int i = 0; i < 60; ++i) passage += "- part of it " + std::to_string(i) + "\n";
  const auto all = sentences(passage);
  ASSERT_EQ(all.size(), 61U);
  EXPECT_EQ(all[0].range.of(passage), "It has many parts:");
  EXPECT_EQ(all[1].range.of(passage), "part of it 0");
  EXPECT_EQ(all[1].kind, Sentence::Kind::item);
  EXPECT_TRUE(all[1].paragraph.of(passage).starts_with("It has many parts:"));
}

TEST(Sentences, KeepShortCodeWholeAndLeaveLongCodeOut) {
  EXPECT_THAT(texts("Start\n\nopaline up &\nopaline ask \"Why?\"\n\nIt answers."),
              ElementsAre("opaline up &\nopaline ask \"Why?\"", "It answers."));
  std::string code;
  for (int i = 0; i < 60; ++i) code += "  call(" + std::to_string(i) + ");\n";
  EXPECT_THAT(texts("See below.\n\n" + code), ElementsAre("See below."));
}

TEST(Sentences, AreLinesWhereThereIsNothingElse) {
  std::string code;
  for (int i = 0; i < 60; ++i) code += "  call(" + std::to_string(i) + ");\n";
  EXPECT_EQ(texts(code).size(), 60U);
  EXPECT_EQ(texts(code).front(), "call(0);");
}

TEST(Sentences, OfTablesAreRowsWithoutTheirHeader) {
  const std::string rows = "columns | 1,600\nrows | many";
  EXPECT_THAT(texts("Item | Limit\n" + rows), ElementsAre("columns | 1,600", "rows | many"));
  EXPECT_THAT(texts(rows, "Limits > Item | Limit"), ElementsAre("columns | 1,600", "rows | many"));
  EXPECT_THAT(texts("|\n" + rows), ElementsAre("columns | 1,600", "rows | many"));
  EXPECT_THAT(texts("room: Cirrus; seats: 12\nroom: Stratus; seats: 4"),
              ElementsAre("room: Cirrus; seats: 12", "room: Stratus; seats: 4"));
  EXPECT_THAT(texts("The port is taken | Another program has it.", "Faults > sign | remedy"),
              ElementsAre("The port is taken | Another program has it."));
}

TEST(Sentences, MayHaveABarInThem) {
  EXPECT_THAT(texts("Run printf %s \"$KEY\" | sha256sum for it. Keep the result."),
              ElementsAre("Run printf %s \"$KEY\" | sha256sum for it.", "Keep the result."));
}

TEST(Sentences, TakeTheirRunInHeadingsAlong) {
  EXPECT_THAT(texts("Why Clang. It works. So it stays."),
              ElementsAre("Why Clang. It works.", "So it stays."));
}

TEST(Sentences, LeaveHalfABracketOut) {
  EXPECT_THAT(texts("(One may ask. Nobody does.) It is over (now)."),
              ElementsAre("One may ask.", "Nobody does.", "It is over (now)."));
}

TEST(Sentences, KnowTheTermThatTheyDefine) {
  const std::string passage =
      "-t\n--timeout (integer)\nTime between checkpoints. The default is five minutes.\n\nOnly "
      "superusers may set it.";
  const auto all = sentences(passage);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[1].term.of(passage), "--timeout (integer)");
  EXPECT_EQ(all[1].paragraph.of(passage), "Time between checkpoints. The default is five minutes.");
  EXPECT_EQ(all[0].paragraph.of(passage), "Time between checkpoints.");
  EXPECT_TRUE(all[2].term.empty());
  EXPECT_EQ(sentences(passage, "Settings > -t --timeout (integer)")[2].term.of(passage),
            "--timeout (integer)");
}

TEST(Sentences, OfNothingAreNone) {
  EXPECT_TRUE(sentences("").empty());
  EXPECT_TRUE(sentences(" \n\n ").empty());
}

TEST(Sentences, StandInOrderWithoutWhiteSpaceAroundThem) {
  std::mt19937 random(7);
  const std::string_view alphabet = "aB1 .?!:\n\n|-\"“()";
  const auto blank = [](char c) { return c == ' ' || c == '\n'; };
  for (int round = 0; round < 5000; ++round) {
    std::string passage;
    for (int i = 0; i < 60; ++i) passage += alphabet[random() % alphabet.size()];
    std::size_t at = 0;
    for (const Sentence& sentence : sentences(passage, round % 2 == 0 ? "" : "B > a | 1")) {
      ASSERT_LE(at, sentence.range.begin) << passage;
      ASSERT_LT(sentence.range.begin, sentence.range.end) << passage;
      ASSERT_LE(sentence.range.end, passage.size()) << passage;
      ASSERT_FALSE(blank(passage[sentence.range.begin])) << passage;
      ASSERT_FALSE(blank(passage[sentence.range.end - 1])) << passage;
      ASSERT_LE(sentence.paragraph.begin, sentence.range.begin) << passage;
      ASSERT_EQ(sentence.paragraph.end, sentence.range.end) << passage;
      at = sentence.range.end;
    }
  }
}

}  // namespace
}  // namespace opaline::services
