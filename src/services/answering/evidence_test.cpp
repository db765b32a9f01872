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
      hit("timeout\nTime between checkpoints. The default is five minutes.", "Checkpoints")};
  const EvidenceBoard board("default checkpoint timeout", sources);
  ASSERT_EQ(board.evidence().size(), 3U);
  // The last sentence says only "default", its heading and term the rest.
  EXPECT_DOUBLE_EQ(board.evidence()[2].coverage, 1);
  EXPECT_LT(board.evidence()[0].coverage, 1);
  EXPECT_EQ(board.evidence()[2].context, "Checkpoints: The default is five minutes.");
}

TEST(EvidenceBoard, PrefersWhatIsAskedForWhenAllElseIsEqual) {
  const std::vector<contract::Hit> sources{
      hit("Connections are limited by a setting here. At most 100 connections are open here.")};
  EvidenceBoard board("How many connections?", sources);
  board.score();
  EXPECT_THAT(board.best(1, sources), ElementsAre(1));
}

TEST(EvidenceBoard, PicksEachTextOnceInOrder) {
  const std::vector<contract::Hit> sources{hit("Alpha beta gamma delta. One two three four."),
                                           hit("Alpha beta gamma delta.")};
  EvidenceBoard board("beta?", sources);
  for (Evidence& one : board.evidence()) one.cosine = 0.5;
  board.score();
  EXPECT_THAT(board.best(3, sources), ElementsAre(0, 1));
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
