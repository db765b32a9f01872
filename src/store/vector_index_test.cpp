#include "store/vector_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "store/store_fixture.hpp"

namespace opaline::store {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace {

QuantisedRows rows_of(const std::vector<std::vector<float>>& vectors) {
  QuantisedRows rows(vectors.empty() ? 0 : vectors.front().size());
  for (const auto& vector : vectors) rows.add(vector);
  return rows;
}

std::vector<std::int64_t> ids(const std::vector<VectorIndex::Candidate>& candidates) {
  std::vector<std::int64_t> found;
  for (const auto& candidate : candidates) found.push_back(candidate.id);
  return found;
}

const IdSet kAll = {{0, INT64_MAX}};

}  // namespace

TEST(IdSet, ContainsWhatItsRangesCover) {
  const IdSet set = {{2, 4}, {7, 8}};
  std::vector<std::int64_t> found;
  for (std::int64_t id = 0; id < 10; ++id) {
    if (contains(set, id)) found.push_back(id);
  }
  EXPECT_THAT(found, ElementsAre(2, 3, 7));
  EXPECT_FALSE(contains({}, 1));
}

TEST(QuantisedRows, KeepsEachValueToHalfAStep) {
  std::mt19937 random(5);
  for (const std::size_t dimension : {1U, 63U, 64U, 65U, 384U}) {
    const auto vector = random_unit_vector(random, dimension);
    const auto rows = rows_of({vector});
    const float scale = rows.scales()[0];
    for (std::size_t i = 0; i < dimension; ++i)
      EXPECT_NEAR(static_cast<float>(rows.row(0)[i]) * scale, vector[i], scale * 0.51);
    for (std::size_t i = dimension; i < rows.stride(); ++i) EXPECT_EQ(rows.row(0)[i], 0);
  }
}

TEST(QuantisedRows, TakesAVectorOfZerosAndTinyValues) {
  const auto rows = rows_of({{0, 0, 0}, {1e-38F, -1e-38F, 0}});
  EXPECT_EQ(rows.scales()[0], 0);
  EXPECT_EQ(rows.row(0)[0], 0);
  EXPECT_GE(rows.scales()[1], 0);
}

TEST(VectorIndex, ReturnsTheBestFirstAndAtMostAllOfThem) {
  VectorIndex index(4);
  index.append(10, rows_of({axis(0, 4), axis(1, 4), axis(2, 4)}));
  const std::vector<float> query = {0.1F, 0.9F, 0.3F, 0};
  EXPECT_THAT(ids(index.search(query, 2, kAll)), ElementsAre(11, 12));
  EXPECT_THAT(ids(index.search(query, 100, kAll)), ElementsAre(11, 12, 10));
  EXPECT_THAT(index.search(query, 0, kAll), IsEmpty());
  EXPECT_THAT(index.search(query, 5, {}), IsEmpty());
  EXPECT_NEAR(index.search(query, 1, kAll)[0].score, 0.9, 0.01);
}

TEST(VectorIndex, LooksOnlyAtAdmittedIds) {
  VectorIndex index(4);
  index.append(1, rows_of(std::vector<std::vector<float>>(100, axis(0, 4))));
  EXPECT_THAT(ids(index.search(axis(0, 4), 10, {{0, 2}, {50, 52}, {90, 90}, {100, 500}})),
              ElementsAre(1, 50, 51, 100));
}

TEST(VectorIndex, ForgetsErasedRows) {
  VectorIndex index(4);
  index.append(1,
               rows_of({axis(0, 4), axis(1, 4), axis(2, 4), axis(3, 4), axis(0, 4), axis(1, 4)}));
  index.erase({2, 3});
  EXPECT_EQ(index.size(), 5U);
  index.erase({2, 3});
  EXPECT_EQ(index.size(), 5U);
  EXPECT_THAT(ids(index.search(axis(1, 4), 10, {{1, 2}, {3, 100}})), ElementsAre(6, 1, 3, 4, 5));
  index.erase({1, 7});
  EXPECT_EQ(index.size(), 0U);
  EXPECT_EQ(index.memory_bytes(), 0U);
  index.append(7, rows_of({axis(1, 4)}));
  EXPECT_THAT(ids(index.search(axis(1, 4), 10, kAll)), ElementsAre(7));
}

// Random histories against a plain map, with enough rows for many segments.
TEST(VectorIndex, AgreesWithAPlainScanAfterAnyHistory) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  constexpr std::size_t kDimension = 16;
  VectorIndex index(kDimension);
  std::map<std::int64_t, std::vector<float>> plain;
  std::vector<IdRange> documents;
  std::int64_t next = 1;
  for (int step = 0; step < 400; ++step) {
    if (documents.empty() || random() % 5 < 3) {
      const std::size_t count = 1 + random() % 200;
      std::vector<std::vector<float>> vectors;
      for (std::size_t i = 0; i < count; ++i) {
        vectors.push_back(random_unit_vector(random, kDimension));
        plain[next + static_cast<std::int64_t>(i)] = vectors.back();
      }
      index.append(next, rows_of(vectors));
      documents.push_back({next, next + static_cast<std::int64_t>(count)});
      next = documents.back().end;
    } else {
      const auto victim =
          documents.begin() + static_cast<std::ptrdiff_t>(random() % documents.size());
      index.erase(*victim);
      plain.erase(plain.lower_bound(victim->begin), plain.lower_bound(victim->end));
      documents.erase(victim);
    }
    ASSERT_EQ(index.size(), plain.size());
    if (step % 10 != 0) continue;
    IdSet admitted;
    for (const auto& document : documents) {
      if (random() % 3 > 0) admitted.push_back(document);
    }
    const auto query = random_unit_vector(random, kDimension);
    std::vector<std::pair<double, std::int64_t>> wanted;
    for (const auto& [id, vector] : plain) {
      if (contains(admitted, id)) wanted.emplace_back(-dot_product(query, vector), id);
    }
    std::ranges::sort(wanted);
    const auto found = index.search(query, wanted.size() + 1, admitted);
    ASSERT_THAT(found, SizeIs(wanted.size()));
    std::map<std::int64_t, float> scores;
    for (const auto& candidate : found) scores[candidate.id] = candidate.score;
    ASSERT_EQ(scores.size(), wanted.size());
    for (const auto& [cost, id] : wanted) ASSERT_NEAR(scores.at(id), -cost, 0.03);
    ASSERT_TRUE(std::ranges::is_sorted(found, std::greater{}, &VectorIndex::Candidate::score));
  }
  // Gaps and idle room stay a bounded part of the whole.
  const std::size_t row_bytes = 64 + sizeof(std::int64_t) + sizeof(float);
  EXPECT_LT(index.memory_bytes(), plain.size() * row_bytes * 2 + 16 * 64 * row_bytes);
}

TEST(VectorIndex, TakesAboutFourHundredBytesForAVectorOf384) {
  VectorIndex index(384);
  std::mt19937 random(1);
  const std::vector<std::vector<float>> vectors(10, random_unit_vector(random, 384));
  for (std::int64_t id = 0; id < 20'000; id += 10) index.append(id, rows_of(vectors));
  EXPECT_LT(index.memory_bytes() / index.size(), 480U);
}

}  // namespace opaline::store
