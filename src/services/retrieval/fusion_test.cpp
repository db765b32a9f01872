#include "services/retrieval/fusion.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace opaline::services {
namespace {

std::vector<std::int64_t> order(const std::vector<Candidate>& candidates) {
  std::vector<std::int64_t> ids;
  for (const Candidate& candidate : candidates) ids.push_back(candidate.id);
  return ids;
}

const std::vector<Proposal> kDense{{1, 0.8}, {2, 0.6}};
const std::vector<Proposal> kKeyword{{2, 12}, {3, 6}};

TEST(Merge, NamesEachPassageOnce) {
  const auto merged = merge(kDense, kKeyword);
  ASSERT_EQ(order(merged), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(merged[0].keyword, std::nullopt);
  EXPECT_EQ(merged[1].dense, 0.6);
  EXPECT_EQ(merged[1].keyword, 12);
  EXPECT_EQ(merged[2].dense, std::nullopt);
}

TEST(FuseWeighted, AddsCosineAndShareOfTheCeiling) {
  auto candidates = merge(kDense, kKeyword);
  fuse_weighted(candidates, {.dense = 0.5, .keyword_ceiling = 24});
  // 2: 0.5·0.6 + 0.5·12/24 = 0.55; 1: 0.4; 3: 0.5·6/24 = 0.125.
  ASSERT_EQ(order(candidates), (std::vector<std::int64_t>{2, 1, 3}));
  EXPECT_DOUBLE_EQ(candidates[0].fused, 0.55);
  EXPECT_DOUBLE_EQ(candidates[1].fused, 0.4);
  EXPECT_DOUBLE_EQ(candidates[2].fused, 0.125);
}

TEST(FuseWeighted, StaysBetweenZeroAndOne) {
  auto candidates =
      merge(std::vector<Proposal>{{1, -0.3}, {2, 1.0000001}}, std::vector<Proposal>{{2, 30}});
  fuse_weighted(candidates, {.dense = 0.5, .keyword_ceiling = 24});
  EXPECT_DOUBLE_EQ(candidates[0].fused, 1);
  EXPECT_DOUBLE_EQ(candidates[1].fused, 0);
}

TEST(FuseWeighted, WithoutACeilingIgnoresKeywords) {
  auto candidates = merge(kDense, kKeyword);
  fuse_weighted(candidates, {.dense = 1, .keyword_ceiling = 0});
  EXPECT_EQ(order(candidates), (std::vector<std::int64_t>{1, 2, 3}));
}

TEST(FuseWeighted, OrdersEqualOnesById) {
  auto candidates = merge(std::vector<Proposal>{{9, 0.5}, {4, 0.5}}, {});
  fuse_weighted(candidates, {.dense = 1});
  EXPECT_EQ(order(candidates), (std::vector<std::int64_t>{4, 9}));
}

TEST(FuseReciprocalRank, RewardsBeingInBoth) {
  auto candidates = merge(kDense, kKeyword);
  fuse_reciprocal_rank(candidates, 0.5);
  ASSERT_EQ(order(candidates), (std::vector<std::int64_t>{2, 1, 3}));
  EXPECT_DOUBLE_EQ(candidates[0].fused, 0.5 * 61 / 62 + 0.5);
  EXPECT_DOUBLE_EQ(candidates[1].fused, 0.5);
  EXPECT_DOUBLE_EQ(candidates[2].fused, 0.5 * 61 / 62);
}

TEST(FuseReciprocalRank, FirstInBothIsOne) {
  auto candidates = merge(std::vector<Proposal>{{7, 0.1}}, std::vector<Proposal>{{7, 0.2}});
  fuse_reciprocal_rank(candidates, 0.3);
  EXPECT_DOUBLE_EQ(candidates[0].fused, 1);
}

}  // namespace
}  // namespace opaline::services
