#include "services/answering/evidence.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace opaline::services {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

contract::Hit hit(std::string text, std::string title_path = "Manual > Settings") {
  contract::Hit made;
  made.text = std::move(text);
  made.title = "Manual";
  made.title_path = std::move(title_path);
  return made;
}

TEST(QuestionProfile, KnowsNamesAndWhatIsAskedFor) {
  const auto profile = QuestionProfile::of("What is the default max_wal_size of PostgreSQL 15?");
  EXPECT_THAT(profile.stems, ElementsAre("default", "max_wal_size", "postgresql", "15"));
  EXPECT_THAT(profile.names, ElementsAre("max_wal_size", "postgresql", "15"));
  EXPECT_THAT(profile.properties, ElementsAre("default"));
  EXPECT_FALSE(profile.wants_quantity);
}

TEST(QuestionProfile, SeesQuestionsForQuantities) {
  EXPECT_TRUE(QuestionProfile::of("How many columns fit?").wants_quantity);
  EXPECT_TRUE(QuestionProfile::of("smallint range").wants_quantity);
  EXPECT_FALSE(QuestionProfile::of("How does it work, with many words?").wants_quantity);
}

TEST(QuestionProfile, SeesQuestionsForProcedures) {
  EXPECT_TRUE(QuestionProfile::of("How do I add documents?").wants_procedure);
  EXPECT_TRUE(QuestionProfile::of("how to restore").wants_procedure);
  EXPECT_FALSE(QuestionProfile::of("How many fit?").wants_procedure);
  EXPECT_FALSE(QuestionProfile::of("What do I add?").wants_procedure);
}

TEST(QuestionProfile, StartOfASentenceIsNoName) {
  EXPECT_THAT(QuestionProfile::of("Column limits? Rows too").names, IsEmpty());
  EXPECT_THAT(QuestionProfile::of("COPY delimiter").names, IsEmpty());
  EXPECT_THAT(QuestionProfile::of("PgBouncer mode").names, ElementsAre("pgbouncer"));
}

TEST(QuestionProfile, OfStopWordsKeepsThem) {
  EXPECT_THAT(QuestionProfile::of("who is it").stems, ElementsAre("who", "is", "it"));
}

TEST(WordWeights, RarerIsHeavier) {
  const std::vector<StemSet> sentences{{"a", "b"}, {"a"}, {"a", "c"}};
  const WordWeights weights(sentences);
  EXPECT_DOUBLE_EQ(weights.weight("b"), std::log(1 + 2.5 / 1.5));
  EXPECT_LT(weights.weight("a"), weights.weight("b"));
  EXPECT_LT(weights.weight("b"), weights.weight("unknown"));
  const std::vector<std::string> wanted{"b", "unknown"};
  EXPECT_DOUBLE_EQ(weights.coverage(wanted, {"b"}),
                   weights.weight("b") / (weights.weight("b") + weights.weight("unknown")));
  EXPECT_DOUBLE_EQ(weights.coverage({}, {}), 1);
}

TEST(EvidenceBoard, CoversByHeadingTermAndParagraph) {
  const std::vector<contract::Hit> sources{
      hit("Write-ahead log\n\ntimeout\nTime between checkpoints. The default is five minutes.",
          "Server > Checkpoints")};
  const EvidenceBoard board("default checkpoint timeout of the log", sources);
  ASSERT_EQ(board.evidence().size(), 2U);
  // The last sentence says only "default", its headings and term the rest.
  EXPECT_DOUBLE_EQ(board.evidence()[1].coverage, 1);
  EXPECT_LT(board.evidence()[0].coverage, 1);
  EXPECT_EQ(board.evidence()[1].context,
            "Server. Checkpoints. Write-ahead log. timeout: The default is five minutes.");
}

TEST(EvidenceBoard, SaysNoHeadingTwice) {
  const std::vector<contract::Hit> sources{hit("Settings\n\nThere are many.")};
  const EvidenceBoard board("many?", sources);
  EXPECT_EQ(board.evidence().front().context, "Manual. Settings: There are many.");
}

/// A board on one passage whose sentences all have the same cosine.
EvidenceBoard scored(std::string_view question, const std::vector<contract::Hit>& sources) {
  EvidenceBoard board(question, sources);
  for (Evidence& one : board.evidence()) one.cosine = 0.5;
  board.score();
  return board;
}

TEST(EvidenceBoard, PrefersQuantitiesWhereTheyAreAskedFor) {
  const std::vector<contract::Hit> sources{
      hit("Connections are limited by a setting here. At most 100 connections are open here.")};
  EXPECT_THAT(scored("How many connections?", sources).best(1, sources), ElementsAre(1));
}

TEST(EvidenceBoard, PrefersSentencesThatStateTheProperty) {
  for (const char* said : {"The default value is off.", "By default nothing is on here."}) {
    const std::vector<contract::Hit> sources{
        hit("Things are set here without any default setting. " + std::string(said))};
    EXPECT_THAT(scored("default?", sources).best(1, sources), ElementsAre(1)) << said;
  }
}

TEST(EvidenceBoard, PrefersCommandsForProcedures) {
  const std::vector<contract::Hit> sources{
      hit("Documents are added by somebody. Documents are added like this:\n\nopaline ingest")};
  EXPECT_THAT(scored("How do I add documents?", sources).best(1, sources), ElementsAre(1));
  EXPECT_THAT(scored("Who may add documents?", sources).best(1, sources), ElementsAre(0));
}

TEST(EvidenceBoard, DoesNotPreferSignposts) {
  const std::vector<contract::Hit> sources{
      hit("See the page about ports. Ports are gates of a machine.")};
  EXPECT_THAT(scored("What are ports?", sources).best(2, sources), ElementsAre(0, 1));
  EXPECT_THAT(scored("What are ports?", sources).best(1, sources), ElementsAre(1));
}

TEST(EvidenceBoard, PicksEachTextOnceInOrder) {
  const std::vector<contract::Hit> sources{hit("Alpha beta gamma delta. One two three four."),
                                           hit("Alpha beta gamma delta.")};
  EvidenceBoard board = scored("beta?", sources);
  board.evidence()[1].score = board.evidence()[0].score - 0.1;
  EXPECT_THAT(board.best(3, sources), ElementsAre(0, 1));
}

TEST(EvidenceBoard, LeavesOutWhatIsFarFromTheBest) {
  const std::vector<contract::Hit> sources{hit("One is here. Two is here. Three is here.")};
  EvidenceBoard board = scored("what?", sources);
  board.evidence()[0].score = 0.2;
  board.evidence()[1].score = 0.9;
  board.evidence()[2].score = 0.7;
  EXPECT_THAT(board.best(3, sources), ElementsAre(1, 2));
}

TEST(EvidenceBoard, LeavesRowsOutSooner) {
  const std::vector<contract::Hit> sources{hit("a | b\nlarge | 1\nsmall | 2")};
  EvidenceBoard board = scored("large?", sources);
  board.evidence()[0].score = 0.9;
  board.evidence()[1].score = 0.7;
  EXPECT_THAT(board.best(3, sources), ElementsAre(0));
  board.evidence()[1].score = 0.8;
  EXPECT_THAT(board.best(3, sources), ElementsAre(0, 1));
}

TEST(EvidenceBoard, TellsTheBestParagraphFirst) {
  const std::vector<contract::Hit> sources{hit("One is here."), hit("Two is here. Three is here.")};
  EvidenceBoard board = scored("what?", sources);
  board.evidence()[0].score = 0.8;
  board.evidence()[1].score = 0.7;
  board.evidence()[2].score = 0.9;
  EXPECT_THAT(board.best(3, sources), ElementsAre(1, 2, 0));
  const std::vector<contract::Hit> one{hit("One is here.\n\nTwo is here. Three is here.")};
  board = scored("what?", one);
  board.evidence()[2].score += 0.1;
  EXPECT_THAT(board.best(3, one), ElementsAre(1, 2, 0));
}

TEST(EvidenceBoard, BringsWhatASentenceRefersTo) {
  const std::vector<contract::Hit> sources{
      hit("A copy is made. It is kept. Others are not.\n\nThis is another matter.")};
  EvidenceBoard board = scored("what?", sources);
  for (Evidence& one : board.evidence()) one.score = 0;
  board.evidence()[1].score = 1;
  EXPECT_THAT(board.best(3, sources), ElementsAre(0, 1));
  // There is room for one more, but not for two.
  board.evidence()[2].score = 1.1;
  EXPECT_THAT(board.best(2, sources), ElementsAre(2));
  EXPECT_THAT(board.best(3, sources), ElementsAre(0, 1, 2));
  // The sentence before is in another paragraph.
  board.evidence()[3].score = 2;
  EXPECT_THAT(board.best(3, sources), ElementsAre(3));
}

TEST(EvidenceBoard, IsStrongWhenSentencesAreCloseAndWordsKnown) {
  const std::vector<contract::Hit> sources{hit("The port is 1812 by default.")};
  EvidenceBoard board("default port", sources);
  board.evidence().front().cosine = 0.7;
  board.score();
  EXPECT_NEAR(board.strength(), (2 * 0.7 + 1) / 3, 1e-9);
}

TEST(EvidenceBoard, IsWeakWithoutANameOfTheQuestion) {
  const std::vector<contract::Hit> sources{hit("The port is 1812 by default.")};
  EvidenceBoard board("default port of MySQL", sources);
  board.evidence().front().cosine = 0.9;
  board.score();
  EXPECT_EQ(board.strength(), 0);
}

TEST(EvidenceBoard, OfNothingIsWeak) {
  EvidenceBoard board("anything", {});
  board.score();
  EXPECT_EQ(board.strength(), 0);
}

}  // namespace
}  // namespace opaline::services
