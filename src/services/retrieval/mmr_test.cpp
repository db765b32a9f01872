#include "services/retrieval/mmr.hpp"

#include <gtest/gtest.h>

namespace opaline::services {
namespace {

using Picks = std::vector<std::size_t>;

const std::vector<float> kEast{1, 0};
const std::vector<float> kAlmostEast{0.8F, 0.6F};
const std::vector<float> kNorth{0, 1};

TEST(MaximalMarginalRelevance, WithLambdaOneFollowsRelevance) {
  const std::vector<MmrCandidate> candidates{{0.5, kEast}, {0.9, kEast}, {0.7, kNorth}};
  EXPECT_EQ(maximal_marginal_relevance(candidates, 1, 3), (Picks{1, 2, 0}));
}

TEST(MaximalMarginalRelevance, AvoidsWhatWasPicked) {
  const std::vector<MmrCandidate> candidates{{0.9, kEast}, {0.85, kAlmostEast}, {0.6, kNorth}};
  // After the first: 0.5·0.85 − 0.5·0.8 = 0.025 against 0.5·0.6 − 0 = 0.3.
  EXPECT_EQ(maximal_marginal_relevance(candidates, 0.5, 2), (Picks{0, 2}));
}

TEST(MaximalMarginalRelevance, WithLambdaZeroTakesTheFirstAndThenTheOddest) {
  const std::vector<MmrCandidate> candidates{{0.1, kEast}, {0.9, kAlmostEast}, {0.2, kNorth}};
  EXPECT_EQ(maximal_marginal_relevance(candidates, 0, 2), (Picks{0, 2}));
}

TEST(MaximalMarginalRelevance, GivesNoMoreThanThereAre) {
  EXPECT_EQ(maximal_marginal_relevance(std::vector<MmrCandidate>{{0.5, kEast}}, 0.5, 9),
            (Picks{0}));
  EXPECT_TRUE(maximal_marginal_relevance({}, 0.5, 9).empty());
  EXPECT_TRUE(maximal_marginal_relevance(std::vector<MmrCandidate>{{0.5, kEast}}, 0.5, 0).empty());
}

}  // namespace
}  // namespace opaline::services
