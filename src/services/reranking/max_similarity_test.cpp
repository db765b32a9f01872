#include "services/reranking/max_similarity.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace opaline::services {
namespace {

TokenVectors tokens(const std::vector<float>& values, std::size_t dimension) {
  return {.values = values, .rows = values.size() / dimension};
}

TEST(MaxSimilarity, AveragesTheBestMatchOfEachQueryToken) {
  // Rows: [CLS], two words, [SEP]. The first query word is in the passage, the second is at right
  // angles to all of it.
  const std::vector<float> query = {9, 9, 1, 0, 0, 1, 9, 9};
  const std::vector<float> passage = {9, 9, 1, 0, -1, 0, 9, 9};
  EXPECT_DOUBLE_EQ(max_similarity(tokens(query, 2), tokens(passage, 2), 2), 0.5);
}

TEST(MaxSimilarity, IsOneForTheSameTextAndNeverBelowZero) {
  const std::vector<float> same = {0, 1, 1, 0, 0, 1, 1, 0};
  EXPECT_DOUBLE_EQ(max_similarity(tokens(same, 2), tokens(same, 2), 2), 1);
  const std::vector<float> one = {1, 0};
  const std::vector<float> opposite = {-1, 0};
  EXPECT_DOUBLE_EQ(max_similarity(tokens(one, 2), tokens(opposite, 2), 2), 0);
}

TEST(MaxSimilarity, KeepsTheSpecialsWhenThereIsNothingElse) {
  const std::vector<float> empty_text = {1, 0, 0, 1};  // [CLS] [SEP]
  EXPECT_DOUBLE_EQ(max_similarity(tokens(empty_text, 2), tokens(empty_text, 2), 2), 1);
  EXPECT_DOUBLE_EQ(max_similarity({}, tokens(empty_text, 2), 2), 0);
}

TEST(MaxSimilarity, SumsEveryDimension) {
  std::vector<float> row(21);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i % 5);
  float square = 0;
  for (float& one : row) square += one * one;
  for (float& one : row) one /= std::sqrt(square);
  EXPECT_NEAR(max_similarity(tokens(row, 21), tokens(row, 21), 21), 1, 1e-6);
}

}  // namespace
}  // namespace opaline::services
