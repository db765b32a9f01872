#include "store/graph_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "store/clustered_vectors.hpp"

namespace opaline::store {

using namespace std::chrono_literals;

namespace {

class GraphBuilderTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kDimension = 48;

  /// Adds or replaces a document of 20 chunks.
  void put(const std::string& collection, std::int64_t number) {
    QuantisedRows rows(kDimension);
    for (int i = 0; i < 20; ++i) rows.add(vectors_.next());
    {
      std::unique_lock lock(mutex_);
      const IdRange chunks{end_, end_ + 20};
      end_ = chunks.end;
      collections_.try_emplace(collection, limits_)
          .first->second.put({.number = number, .chunks = chunks}, rows);
    }
    if (builder_) builder_->wake();
  }
  std::size_t graph_chunks(const std::string& collection) {
    std::shared_lock lock(mutex_);
    const auto found = collections_.find(collection);
    return found == collections_.end() ? 0 : found->second.graph_chunks();
  }
  void wait_for_graph(const std::string& collection, std::size_t chunks) {
    // Leaves the processor to the builder, which is of low priority.
    while (graph_chunks(collection) < chunks) std::this_thread::sleep_for(1ms);
  }

  ClusteredVectors vectors_{kDimension, 100, 5};
  GraphLimits limits_{.exact_vectors = 500, .tail_vectors = 100};
  std::int64_t end_ = 1;
  std::shared_mutex mutex_;
  GraphBuilder::Collections collections_;
  std::optional<GraphBuilder> builder_;
};

}  // namespace

TEST_F(GraphBuilderTest, BuildsForEachLargeCollection) {
  for (int i = 1; i <= 30; ++i) put("large", i);
  put("small", 31);
  builder_.emplace(mutex_, collections_);
  wait_for_graph("large", 600);
  for (int i = 0; i < 30; ++i) put("later", 100 + i);
  wait_for_graph("later", 500);
  EXPECT_EQ(graph_chunks("small"), 0U);
}

TEST_F(GraphBuilderTest, StopsInTheMiddleOfABuild) {
  for (int i = 1; i <= 25; ++i) put("first", i);
  for (int i = 1; i <= 500; ++i) put("large", i);
  builder_.emplace(mutex_, collections_);
  wait_for_graph("first", 500);
  builder_.reset();
  EXPECT_EQ(graph_chunks("large"), 0U);
  EXPECT_TRUE(collections_.at("large").wants_graph());
}

TEST_F(GraphBuilderTest, ForgetsACollectionThatGoesMeanwhile) {
  for (int i = 1; i <= 100; ++i) put("gone", i);
  builder_.emplace(mutex_, collections_);
  {
    std::unique_lock lock(mutex_);
    collections_.clear();
  }
  for (int i = 1; i <= 30; ++i) put("next", 100 + i);
  wait_for_graph("next", 500);
}

TEST_F(GraphBuilderTest, BuildsBesideSearchesAndChanges) {
  for (int i = 1; i <= 40; ++i) put("busy", i);
  builder_.emplace(mutex_, collections_);
  std::atomic<bool> done = false;
  std::jthread searches([this, &done] {
    std::mt19937 random(1);
    while (!done) {
      const auto query = random_unit_vector(random, kDimension);
      std::shared_lock lock(mutex_);
      const auto& collection = collections_.at("busy");
      const auto living = collection.admitted(*DocumentFilter::parse(""));
      const auto hits = collection.search(query, 10, living);
      EXPECT_EQ(hits.size(), 10U);
      for (const auto& hit : hits) EXPECT_TRUE(contains(living, hit.id));
    }
  });
  for (int round = 0; round < 2; ++round) {
    for (int i = 1; i <= 40; ++i) put("busy", i);
    wait_for_graph("busy", 700);
  }
  done = true;
}

}  // namespace opaline::store
