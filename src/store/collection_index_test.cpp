#include "store/collection_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "store/clustered_vectors.hpp"

namespace opaline::store {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace {

void put(CollectionIndex& index, std::int64_t number, IdRange chunks,
         const std::string& metadata = "{}", std::size_t dimension = 4) {
  QuantisedRows rows(dimension);
  for (std::int64_t id = chunks.begin; id < chunks.end; ++id) rows.add(axis(0, dimension));
  index.put({.number = number,
             .id = "d" + std::to_string(number),
             .source = "s",
             .title = "t",
             .mime = "m",
             .metadata = boost::json::parse(metadata).as_object(),
             .chunks = chunks},
            rows);
}

IdSet admitted(const CollectionIndex& index, const std::string& filter = "") {
  return index.admitted(*DocumentFilter::parse(filter));
}

}  // namespace

TEST(CollectionIndex, JoinsTheRangesOfNeighbours) {
  CollectionIndex index;
  put(index, 1, {1, 3});
  put(index, 2, {3, 4}, R"({"a":1})");
  put(index, 3, {6, 9});
  EXPECT_THAT(admitted(index), ElementsAre(IdRange{1, 4}, IdRange{6, 9}));
  EXPECT_THAT(admitted(index, R"({"a":1})"), ElementsAre(IdRange{3, 4}));
  EXPECT_THAT(admitted(index, R"({"a":2})"), IsEmpty());
}

TEST(CollectionIndex, AReplacedDocumentLeavesNothingOfTheOldOne) {
  CollectionIndex index;
  put(index, 1, {1, 3}, R"({"a":1})");
  put(index, 1, {5, 6}, R"({"a":2})");
  EXPECT_THAT(admitted(index), ElementsAre(IdRange{5, 6}));
  EXPECT_THAT(admitted(index, R"({"a":1})"), IsEmpty());
  EXPECT_EQ(index.documents(), 1U);
  EXPECT_EQ(index.chunks(), 1U);
}

TEST(CollectionIndex, KnowsAllItsChunks) {
  CollectionIndex index;
  put(index, 1, {1, 3});
  put(index, 2, {3, 6});
  put(index, 3, {6, 7});
  put(index, 4, {8, 9});
  EXPECT_THAT(admitted(index), ElementsAre(IdRange{1, 7}, IdRange{8, 9}));
  index.erase(2);
  EXPECT_THAT(admitted(index), ElementsAre(IdRange{1, 3}, IdRange{6, 7}, IdRange{8, 9}));
  index.erase(3);
  EXPECT_THAT(admitted(index), ElementsAre(IdRange{1, 3}, IdRange{8, 9}));
  put(index, 4, {9, 12});
  put(index, 5, {12, 13});
  index.erase(4);
  EXPECT_THAT(admitted(index), ElementsAre(IdRange{1, 3}, IdRange{12, 13}));
  index.erase(5);
  put(index, 6, {13, 15});
  put(index, 7, {15, 16});
  index.erase(7);
  index.erase(1);
  EXPECT_THAT(admitted(index), ElementsAre(IdRange{13, 15}));
}

TEST(CollectionIndex, KnowsItsDimensionWhileThereAreChunks) {
  CollectionIndex index;
  EXPECT_TRUE(index.empty());
  EXPECT_EQ(index.dimension(), std::nullopt);
  put(index, 1, {0, 0});
  EXPECT_FALSE(index.empty());
  EXPECT_EQ(index.dimension(), std::nullopt);
  EXPECT_THAT(index.search(axis(0), 3, admitted(index)), IsEmpty());
  put(index, 1, {1, 3});
  put(index, 2, {3, 4});
  EXPECT_EQ(index.dimension(), 4U);
  EXPECT_EQ(index.dimension_without(1), 4U);
  index.erase(2);
  index.erase(2);
  EXPECT_EQ(index.dimension_without(1), std::nullopt);
  EXPECT_EQ(index.dimension_without(99), 4U);
  put(index, 1, {10, 12}, "{}", 8);
  EXPECT_EQ(index.dimension(), 8U);
  EXPECT_EQ(index.search(axis(0), 3, admitted(index)).size(), 2U);
  index.erase(1);
  EXPECT_TRUE(index.empty());
}

// ---- With a graph.

namespace {

// A collection whose graph begins at 1,000 chunks and may lack 300, in documents of 10, every third
// one with {"third": true}, and a scan of the same vectors.
class CollectionGraph : public ::testing::Test {
 protected:
  static constexpr std::size_t kDimension = 48;

  void add(std::int64_t documents) {
    for (std::int64_t i = 0; i < documents; ++i) put(next_++);
  }
  void put(std::int64_t number) {
    QuantisedRows rows(kDimension);
    for (int i = 0; i < 10; ++i) rows.add(vectors_.next());
    const IdRange chunks{end_, end_ + 10};
    end_ = chunks.end;
    exact_.append(chunks.begin, rows);
    index_.put({.number = number,
                .metadata = {{"third", number % 3 == 0}, {"number", number}},
                .chunks = chunks},
               rows);
  }
  void build() {
    while (index_.wants_graph()) {
      if (index_.build_graph()) index_.put_graph();
    }
  }
  double mean_recall(const std::string& filter = "") {
    const auto admitted = store::admitted(index_, filter);
    double sum = 0;
    for (int i = 0; i < 50; ++i) {
      const auto query = vectors_.next();
      sum += recall(exact_.search(query, 50, admitted), index_.search(query, 50, admitted));
    }
    return sum / 50;
  }

  ClusteredVectors vectors_{kDimension, 100, 3};
  VectorIndex exact_{kDimension};
  CollectionIndex index_{{.exact_vectors = 1000, .tail_vectors = 300, .effort = {.breadth = 128}}};
  std::int64_t next_ = 1;
  std::int64_t end_ = 1;
};

}  // namespace

TEST_F(CollectionGraph, BeginsAtItsLimit) {
  add(99);
  EXPECT_FALSE(index_.wants_graph());
  add(1);
  EXPECT_TRUE(index_.wants_graph());
  EXPECT_EQ(index_.graph_chunks(), 0U);
  const auto before = index_.vector_bytes();
  build();
  EXPECT_EQ(index_.graph_chunks(), 1000U);
  EXPECT_GT(index_.vector_bytes(), before + 1000UL * 33 * 4);
}

TEST_F(CollectionGraph, FindsWhatAScanFindsWithAnyFilter) {
  add(200);
  build();
  EXPECT_GE(mean_recall(), 0.98);
  EXPECT_GE(mean_recall(R"({"number": {"$gt": 60}})"), 0.98);
  // Few enough to be scanned.
  EXPECT_EQ(mean_recall(R"({"third": true})"), 1);
  EXPECT_EQ(mean_recall(R"({"number": {"$lt": 3}})"), 1);
  EXPECT_EQ(mean_recall(R"({"number": 0})"), 1);
}

TEST_F(CollectionGraph, ScansWhileAGraphIsBuilt) {
  add(150);
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(index_.build_graph());
  EXPECT_EQ(index_.put_graph(), nullptr);
  EXPECT_EQ(index_.graph_chunks(), 0U);
  EXPECT_EQ(mean_recall(), 1);
}

TEST_F(CollectionGraph, ScansWhatTheGraphDoesNotKnowYet) {
  add(100);
  build();
  add(30);
  EXPECT_FALSE(index_.wants_graph());
  EXPECT_EQ(index_.graph_chunks(), 1000U);
  EXPECT_GE(mean_recall(), 0.98);
  QuantisedRows latest(kDimension);
  const auto same = vectors_.next();
  latest.add(same);
  index_.put({.number = next_++, .chunks = {end_, end_ + 1}}, latest);
  EXPECT_EQ(index_.search(same, 1, admitted(index_)).front().id, end_);
  EXPECT_TRUE(index_.wants_graph());
  build();
  EXPECT_EQ(index_.graph_chunks(), 1301U);
  EXPECT_EQ(index_.search(same, 1, admitted(index_)).front().id, end_);
}

TEST_F(CollectionGraph, ForgetsWhatIsErasedAndIsBuiltAnew) {
  add(200);
  build();
  for (std::int64_t number = 1; number <= 160; number += 4) index_.erase(number);
  EXPECT_EQ(index_.graph_chunks(), 1600U);
  EXPECT_FALSE(index_.wants_graph());
  EXPECT_GE(mean_recall(), 0.98);
  for (std::int64_t number = 161; number <= 200; number += 2) index_.erase(number);
  EXPECT_TRUE(index_.wants_graph());
  EXPECT_GE(mean_recall(), 0.98);
  const auto before = index_.vector_bytes();
  build();
  EXPECT_EQ(index_.graph_chunks(), 1400U);
  EXPECT_LT(index_.vector_bytes(), before);
  EXPECT_GE(mean_recall(), 0.98);
  for (std::int64_t number = 1; number <= 200; ++number) index_.erase(number);
  EXPECT_EQ(index_.graph_chunks(), 0U);
  EXPECT_FALSE(index_.wants_graph());
  EXPECT_THAT(index_.search(vectors_.next(), 10, admitted(index_)), IsEmpty());
}

TEST_F(CollectionGraph, FollowsChangesWhileItIsBuilt) {
  add(200);
  build();
  add(31);  // So the next one goes on from a copy.
  for (std::int64_t number = 1; index_.wants_graph(); ++number) {
    if (number % 7 == 0 && number < 200) put(number);
    if (number % 11 == 0 && number < 200) index_.erase(number);
    if (index_.build_graph()) index_.put_graph();
  }
  EXPECT_GE(mean_recall(), 0.98);
  const auto living = admitted(index_);
  for (int i = 0; i < 20; ++i) {
    for (const auto& hit : index_.search(vectors_.next(), 50, living))
      EXPECT_TRUE(contains(living, hit.id));
  }
}

TEST_F(CollectionGraph, GoesWhenTheCollectionShrinks) {
  add(150);
  build();
  index_.build_graph();
  for (std::int64_t number = 1; number <= 99; ++number) index_.erase(number);
  EXPECT_EQ(index_.graph_chunks(), 510U);
  EXPECT_EQ(mean_recall(), 1);
  index_.erase(100);
  EXPECT_EQ(index_.graph_chunks(), 0U);
  EXPECT_FALSE(index_.wants_graph());
}

TEST_F(CollectionGraph, BecomesAScanWhenASearchTakesTooLong) {
  index_ =
      CollectionIndex({.exact_vectors = 1000, .tail_vectors = 300, .effort = {.visits_max = 10}});
  add(150);
  build();
  EXPECT_EQ(index_.graph_chunks(), 1500U);
  EXPECT_EQ(mean_recall(), 1);
}

}  // namespace opaline::store
