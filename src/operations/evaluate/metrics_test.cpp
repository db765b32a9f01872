#include "operations/evaluate/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace opaline::operations {
namespace {

using Ranking = std::vector<std::string>;

TEST(Distinct, KeepsEachDocumentAtItsFirstPlace) {
  EXPECT_EQ(distinct(Ranking{"a", "b", "a", "c", "b"}), (Ranking{"a", "b", "c"}));
  EXPECT_TRUE(distinct(Ranking{}).empty());
}

TEST(Hit, LooksAtTheFirstKOnly) {
  const Ranking ranking{"a", "b", "c"};
  EXPECT_FALSE(hit(ranking, {{"c", 1}}, 2));
  EXPECT_TRUE(hit(ranking, {{"c", 1}}, 3));
  EXPECT_TRUE(hit(ranking, {{"c", 1}}, 10));
  EXPECT_FALSE(hit(ranking, {{"c", 0}}, 3));
}

TEST(ReciprocalRank, IsOneOverTheFirstRelevantPlace) {
  const Ranking ranking{"a", "b", "c", "d"};
  EXPECT_DOUBLE_EQ(reciprocal_rank(ranking, {{"c", 1}, {"d", 1}}, 10), 1.0 / 3);
  EXPECT_DOUBLE_EQ(reciprocal_rank(ranking, {{"c", 1}}, 2), 0);
  EXPECT_DOUBLE_EQ(reciprocal_rank(ranking, {{"x", 1}}, 10), 0);
}

TEST(Ndcg, MatchesAWorkedExample) {
  // Grades 3, 2, 3, 0, 1, 2 in this order: DCG = 3/1 + 2/1.585 + 3/2 + 0 + 1/2.585 + 2/2.807
  // = 6.8611; ideal 3, 3, 2, 2, 1, 0: 3 + 1.8928 + 1 + 0.8614 + 0.3869 = 7.1410.
  const Ranking ranking{"d1", "d2", "d3", "d4", "d5", "d6"};
  const Judgements grades{{"d1", 3}, {"d2", 2}, {"d3", 3}, {"d4", 0}, {"d5", 1}, {"d6", 2}};
  EXPECT_NEAR(ndcg(ranking, grades, 10), 6.8611 / 7.1410, 1e-4);
}

TEST(Ndcg, OfTheBestOrderIsOneAndOfNothingZero) {
  EXPECT_DOUBLE_EQ(ndcg(Ranking{"b", "a"}, {{"a", 1}, {"b", 2}}, 10), 1);
  EXPECT_DOUBLE_EQ(ndcg(Ranking{"a"}, {}, 10), 0);
  // The ideal is cut at k too: one relevant place of one.
  EXPECT_DOUBLE_EQ(ndcg(Ranking{"a"}, {{"a", 1}, {"b", 1}}, 1), 1);
}

TEST(Recall, CountsAgainstAllRelevant) {
  EXPECT_DOUBLE_EQ(recall(Ranking{"a", "x", "b"}, {{"a", 1}, {"b", 1}, {"c", 1}, {"x", 0}}, 2),
                   1.0 / 3);
}

TEST(Comparable, ForgetsCaseQuotesAndCommasInNumbers) {
  EXPECT_EQ(comparable("  “Full” VACUUM, 1,600 columns. "), "full vacuum 1600 columns");
  EXPECT_EQ(comparable("version 15.2."), "version 15.2");
  EXPECT_EQ(comparable("\u221232768\u00a0to +32767"), "-32768 to +32767");
}

TEST(ContainsAnswer, WantsWholeWords) {
  EXPECT_TRUE(contains_answer("The default is 100 connections.", "100"));
  EXPECT_FALSE(contains_answer("The default is 1000 connections.", "100"));
  EXPECT_TRUE(contains_answer("At most 1,600 columns", "1600"));
  EXPECT_FALSE(contains_answer("The stop mode is breakfast.", "fast"));
  EXPECT_TRUE(contains_answer("-k --link use hard links", "--link"));
  EXPECT_FALSE(contains_answer("anything", ""));
}

TEST(ContainsAnswer, WantsEachPart) {
  EXPECT_TRUE(contains_answer("40P01 is a deadlock; it waits one second", "40P01; one second"));
  EXPECT_FALSE(contains_answer("40P01 is a deadlock", "40P01; one second"));
}

TEST(EqualsAnswer, ComparesAllOfIt) {
  EXPECT_TRUE(equals_answer("Fast.", "fast"));
  EXPECT_FALSE(equals_answer("fast mode", "fast"));
  EXPECT_FALSE(equals_answer("", ""));
}

TEST(PrecisionRecall, OfNothingIsPerfect) {
  EXPECT_DOUBLE_EQ((PrecisionRecall{3, 1, 2}.precision()), 0.75);
  EXPECT_DOUBLE_EQ((PrecisionRecall{3, 1, 2}.recall()), 0.6);
  EXPECT_DOUBLE_EQ(PrecisionRecall{}.precision(), 1);
  EXPECT_DOUBLE_EQ(PrecisionRecall{}.recall(), 1);
}

TEST(Percentile, IsTheNearestRank) {
  EXPECT_DOUBLE_EQ(percentile({15, 20, 35, 40, 50}, 0.4), 20);
  EXPECT_DOUBLE_EQ(percentile({15, 20, 35, 40, 50}, 0.5), 35);
  EXPECT_DOUBLE_EQ(percentile({15, 20, 35, 40, 50}, 1), 50);
  EXPECT_DOUBLE_EQ(percentile({7}, 0), 7);
  EXPECT_DOUBLE_EQ(percentile({}, 0.5), 0);
}

}  // namespace
}  // namespace opaline::operations
