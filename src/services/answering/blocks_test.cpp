#include "services/answering/blocks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>

namespace opaline::services {
namespace {

using testing::ElementsAre;
using testing::Pair;
using Kind = Block::Kind;

std::vector<std::pair<Kind, std::string>> outline(std::string_view passage,
                                                  std::string_view title_path = {}) {
  std::vector<std::pair<Kind, std::string>> found;
  for (const Block& block : blocks(passage, title_path))
    found.emplace_back(block.kind, block.range().of(passage));
  return found;
}

TEST(Blocks, AreToldByTheirLines) {
  EXPECT_THAT(
      outline("Add documents\n\nIt is easy.\n\nopaline ingest FILE\n\n- one\n- two\n\n"
              "name | size\na | 1"),
      ElementsAre(Pair(Kind::heading, "Add documents"), Pair(Kind::prose, "It is easy."),
                  Pair(Kind::code, "opaline ingest FILE"), Pair(Kind::items, "- one\n- two"),
                  Pair(Kind::header, "name | size"), Pair(Kind::rows, "a | 1")));
}

TEST(Blocks, OfDefinitionListsAreTermAndProse) {
  EXPECT_THAT(outline("-t\n--timeout\nTime between checkpoints."),
              ElementsAre(Pair(Kind::term, "-t\n--timeout"),
                          Pair(Kind::prose, "Time between checkpoints.")));
}

TEST(Blocks, OfCodeHaveNoSentences) {
  for (const char* code :
       {"opea_mega_service:\n  port: 8080\n  mega_flow:\n    - a >> b", "SELECT 1;\nSELECT 2;",
        "# Starts it.\nopaline up", "opaline ask \"Why is that?\"", "{\"a\": 1,\n \"b\": 2}"}) {
    EXPECT_THAT(outline(std::string(code) + "\n\nThen go on."),
                ElementsAre(Pair(Kind::code, code), Pair(Kind::prose, "Then go on.")));
  }
}

TEST(Blocks, AreProseWithoutAFullStopToo) {
  for (const char* prose :
       {"There are two:",
        "Some long note that nobody ended with a full stop, which is a pity for it",
        "opaline ingest PATH reads files. Each of them gets a job, which passes through many "
        "states "
        "and ends as one of these:"}) {
    EXPECT_THAT(outline(prose), ElementsAre(Pair(Kind::prose, prose)));
  }
}

TEST(Blocks, OfWrappedProseAreOneLine) {
  const std::string wrapped =
      "A prepared statement is a server-side object that can be used\nto optimise performance.";
  EXPECT_THAT(outline(wrapped), ElementsAre(Pair(Kind::prose, wrapped)));
  EXPECT_EQ(blocks(wrapped, "").front().lines.size(), 1U);
}

TEST(Blocks, AreHeadingsOnlyAboveSomething) {
  EXPECT_THAT(outline("All of it"), ElementsAre(Pair(Kind::prose, "All of it")));
}

TEST(Blocks, CoverAllTextInOrder) {
  std::mt19937 random(7);
  const std::string_view alphabet = "aB1 .?!:\n\n|-\"“";
  for (int round = 0; round < 5000; ++round) {
    std::string passage;
    for (int i = 0; i < 60; ++i) passage += alphabet[random() % alphabet.size()];
    std::size_t at = 0;
    const auto expect_blank = [&](std::size_t end) {
      ASSERT_LE(at, end) << passage;
      ASSERT_EQ(std::string_view(passage).substr(at, end - at).find_first_not_of(" \n"),
                std::string_view::npos)
          << passage;
    };
    for (const Block& block : blocks(passage, round % 2 == 0 ? "" : "B > a | 1")) {
      ASSERT_FALSE(block.lines.empty()) << passage;
      for (const Range line : block.lines) {
        expect_blank(line.begin);
        ASSERT_LT(line.begin, line.end) << passage;
        at = line.end;
      }
    }
    expect_blank(passage.size());
  }
}

}  // namespace
}  // namespace opaline::services
