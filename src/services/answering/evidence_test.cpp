#include "services/answering/evidence.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

TEST(QuestionProfile, TakesNoWordInCapitalsForAName) {
  EXPECT_THAT(QuestionProfile::of("Which SQLSTATE means how much RAM?").names, IsEmpty());
  EXPECT_THAT(QuestionProfile::of("Is it like MySQL on AWS2?").names, ElementsAre("mysql", "aws2"));
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

/// The best sentence of a passage where all have the same cosine.
std::size_t best_of(std::string_view question, std::string passage) {
  const std::vector<contract::Hit> sources{hit(std::move(passage))};
  EvidenceBoard board(question, sources);
  for (Evidence& one : board.evidence()) one.cosine = 0.5;
  board.score();
  const auto best = std::ranges::max_element(board.evidence(), {}, &Evidence::score);
  return static_cast<std::size_t>(best - board.evidence().begin());
}

TEST(EvidenceBoard, PrefersQuantitiesWhereTheyAreAskedFor) {
  const std::string passage =
      "Connections are limited by a setting here. At most 100 connections are open here.";
  EXPECT_EQ(best_of("How many connections?", passage), 1U);
  EXPECT_EQ(best_of("Which connections?", passage), 0U);
}

TEST(EvidenceBoard, PrefersSentencesThatStateTheProperty) {
  for (const std::string said : {"The default value is off.", "By default nothing is on here."}) {
    const std::string passage = "Things are set here without any default setting. " + said;
    EXPECT_EQ(best_of("default?", passage), 1U) << said;
  }
}

TEST(EvidenceBoard, PrefersCommandsForProcedures) {
  const std::string passage =
      "Documents are added by somebody. Documents are added like this:\n\nopaline ingest";
  EXPECT_EQ(best_of("How do I add documents?", passage), 1U);
  EXPECT_EQ(best_of("Who may add documents?", passage), 0U);
}

TEST(EvidenceBoard, DoesNotPreferSignposts) {
  EXPECT_EQ(best_of("What are ports?", "See the page about ports. Ports are gates here."), 1U);
  EXPECT_EQ(best_of("ports", "These are the ports:\n\nPorts are gates of a machine."), 1U);
}

TEST(EvidenceBoard, DoesNotPreferFragments) {
  EXPECT_EQ(best_of("Who has it?", "they have it\n\nSomebody has it there."), 1U);
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
