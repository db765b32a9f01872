#include "engine/sequence_table.hpp"

#include <gtest/gtest.h>

namespace opaline::engine {
namespace {

using Tokens = std::vector<Token>;

void fill(SequenceTable& table, std::size_t sequence, const Tokens& tokens) {
  table.append(sequence, std::span(tokens).subspan(table.tokens(sequence).size()));
}

TEST(SequenceTable, StartsWithNothingInCommon) {
  SequenceTable table(2);
  const auto claim = table.claim(Tokens{1, 2, 3});
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->common, 0U);
  EXPECT_FALSE(claim->source);
}

TEST(SequenceTable, TakesAPrefixFromARunningSequence) {
  SequenceTable table(2);
  const Tokens first = {1, 2, 3, 4};
  fill(table, table.claim(first)->sequence, first);
  const auto claim = table.claim(Tokens{1, 2, 9});
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->common, 2U);
  EXPECT_EQ(claim->source, 0U);
  EXPECT_EQ(claim->sequence, 1U);
  EXPECT_EQ(table.tokens(1).size(), 2U);
}

TEST(SequenceTable, LeavesTheLastTokenToCompute) {
  SequenceTable table(2);
  const Tokens prompt = {1, 2, 3};
  fill(table, table.claim(prompt)->sequence, prompt);
  EXPECT_EQ(table.claim(prompt)->common, 2U);
  SequenceTable other(2);
  EXPECT_EQ(other.claim(Tokens{7})->common, 0U);
}

TEST(SequenceTable, PrefersTheLongestPrefix) {
  SequenceTable table(4);
  for (const Tokens& prompt : {Tokens{1, 2}, Tokens{1, 2, 3, 4}, Tokens{1, 2, 3}}) {
    const auto claim = table.claim(prompt);
    fill(table, claim->sequence, prompt);
    table.release(claim->sequence);
  }
  const auto claim = table.claim(Tokens{1, 2, 3, 4, 5});
  EXPECT_EQ(claim->common, 4U);
  EXPECT_EQ(claim->source, 1U);
}

TEST(SequenceTable, ReplacesTheOneIdleForLongest) {
  SequenceTable table(3);
  for (const Tokens& prompt : {Tokens{1, 1}, Tokens{2, 2}, Tokens{3, 3}}) {
    const auto claim = table.claim(prompt);
    fill(table, claim->sequence, prompt);
    table.release(claim->sequence);
  }
  EXPECT_EQ(table.oldest_idle(), 0U);
  // Taking over from 0 keeps it; 1 is then the oldest, and makes room.
  const auto claim = table.claim(Tokens{1, 1, 5});
  EXPECT_EQ(claim->source, 0U);
  EXPECT_EQ(claim->sequence, 1U);
  EXPECT_EQ(table.oldest_idle(), 2U);
}

TEST(SequenceTable, CutsTheSourceItselfWhenNothingElseIsLeft) {
  SequenceTable table(1);
  const Tokens prompt = {1, 2, 3};
  fill(table, table.claim(prompt)->sequence, prompt);
  EXPECT_FALSE(table.claim(Tokens{1, 2}));
  table.release(0);
  const auto claim = table.claim(Tokens{1, 2, 9, 9});
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->common, 2U);
  EXPECT_FALSE(claim->source);
  EXPECT_EQ(table.tokens(0).size(), 2U);
}

TEST(SequenceTable, ForgetsWhatWasEmptied) {
  SequenceTable table(2);
  const Tokens prompt = {1, 2, 3};
  fill(table, table.claim(prompt)->sequence, prompt);
  table.release(0);
  table.forget(0);
  EXPECT_FALSE(table.oldest_idle());
  EXPECT_EQ(table.claim(prompt)->common, 0U);
}

}  // namespace
}  // namespace opaline::engine
