#include "store/collection_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "store/store_fixture.hpp"

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

}  // namespace opaline::store
