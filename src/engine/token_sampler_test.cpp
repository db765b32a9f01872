#include "engine/token_sampler.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

namespace opaline::engine {
namespace {

using Logits = std::vector<float>;

Token sample(TokenSampler& sampler, Logits logits) {
  const auto token = sampler.sample(logits);
  EXPECT_TRUE(token);
  return token.value_or(-1);
}

TEST(TokenSampler, TakesTheLikeliestAtTemperatureZero) {
  TokenSampler sampler({.temperature = 0}, {}, nullptr);
  EXPECT_EQ(sample(sampler, {0, 3, 1, 3}), 1);
  EXPECT_EQ(sample(sampler, {-5, -3, -1}), 2);
}

TEST(TokenSampler, DrawsByProbability) {
  TokenSampler sampler({.temperature = 1, .top_p = 1, .top_k = 0, .seed = 7}, {}, nullptr);
  const Logits logits = {std::log(0.5F), std::log(0.3F), std::log(0.2F)};
  std::vector<int> counts(3);
  for (int i = 0; i < 20'000; ++i) ++counts[static_cast<std::size_t>(sample(sampler, logits))];
  EXPECT_NEAR(counts[0], 10'000, 300);
  EXPECT_NEAR(counts[1], 6'000, 300);
  EXPECT_NEAR(counts[2], 4'000, 300);
}

TEST(TokenSampler, LowTemperatureSharpens) {
  TokenSampler sampler({.temperature = 0.01, .top_p = 1, .top_k = 0}, {}, nullptr);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(sample(sampler, {1.0F, 1.2F, 0.9F}), 1);
}

TEST(TokenSampler, TopKAndTopPLimitTheChoice) {
  const Logits logits = {std::log(0.4F), std::log(0.3F), std::log(0.2F), std::log(0.1F)};
  std::set<Token> by_k;
  std::set<Token> by_p;
  TokenSampler two({.temperature = 1, .top_p = 1, .top_k = 2}, {}, nullptr);
  TokenSampler most({.temperature = 1, .top_p = 0.75, .top_k = 0}, {}, nullptr);
  for (int i = 0; i < 2000; ++i) {
    by_k.insert(sample(two, logits));
    by_p.insert(sample(most, logits));
  }
  EXPECT_EQ(by_k, (std::set<Token>{0, 1}));
  EXPECT_EQ(by_p, (std::set<Token>{0, 1, 2}));
}

TEST(TokenSampler, SameSeedSameChoice) {
  const Logits logits(100, 0.0F);
  TokenSampler a({.temperature = 1, .top_p = 1, .top_k = 0, .seed = 5}, {}, nullptr);
  TokenSampler b({.temperature = 1, .top_p = 1, .top_k = 0, .seed = 5}, {}, nullptr);
  TokenSampler c({.temperature = 1, .top_p = 1, .top_k = 0, .seed = 6}, {}, nullptr);
  std::vector<Token> first;
  std::vector<Token> second;
  std::vector<Token> third;
  for (int i = 0; i < 50; ++i) {
    first.push_back(sample(a, logits));
    second.push_back(sample(b, logits));
    third.push_back(sample(c, logits));
  }
  EXPECT_EQ(first, second);
  EXPECT_NE(first, third);
}

TEST(TokenSampler, PenaltiesPushTokensDown) {
  TokenSampler presence({.temperature = 0, .presence_penalty = 1}, {}, nullptr);
  EXPECT_EQ(sample(presence, {2.0F, 1.5F}), 0);
  EXPECT_EQ(sample(presence, {2.0F, 1.5F}), 1);
  EXPECT_EQ(sample(presence, {2.0F, 1.5F}), 0);  // Both carry it now.

  TokenSampler frequency({.temperature = 0, .frequency_penalty = 0.4}, {}, nullptr);
  EXPECT_EQ(sample(frequency, {2.0F, 1.5F}), 0);
  EXPECT_EQ(sample(frequency, {2.0F, 1.5F}), 0);  // 1.6 against 1.5.
  EXPECT_EQ(sample(frequency, {2.0F, 1.5F}), 1);

  const std::vector<Token> prompt = {0, 0};
  TokenSampler repetition({.temperature = 0, .repetition_penalty = 2}, prompt, nullptr);
  EXPECT_EQ(sample(repetition, {2.0F, 1.5F, -1.0F}), 1);
  TokenSampler negative({.temperature = 0, .repetition_penalty = 2}, prompt, nullptr);
  EXPECT_EQ(sample(negative, {-1.0F, -1.5F, -9.0F}), 1);
}

TEST(TokenSampler, SurvivesImpossibleLogits) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  for (const int top_k : {0, 2}) {
    for (const Logits& logits :
         {Logits{-kInfinity, -kInfinity, -kInfinity}, Logits{kNaN, kNaN, kNaN},
          Logits{kInfinity, 0, 1}, Logits{kNaN, 1, 2}}) {
      TokenSampler sampler({.temperature = 1, .top_k = top_k}, {}, nullptr);
      const Token token = sample(sampler, logits);
      EXPECT_GE(token, 0);
      EXPECT_LT(token, 3);
    }
  }
}

}  // namespace
}  // namespace opaline::engine
