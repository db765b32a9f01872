#include "store/graph_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>

#include "store/clustered_vectors.hpp"

namespace opaline::store {

using ::testing::IsEmpty;

namespace {

constexpr std::size_t kDimension = 72;  // More than one cache line a row.
constexpr unsigned kSeed = 11;
// The usual breadth would meet a large part of the few rows that there are here.
constexpr GraphIndex::Effort kEffort{.breadth = 64};

std::vector<std::int64_t> ids(const std::vector<VectorIndex::Candidate>& candidates) {
  std::vector<std::int64_t> found;
  for (const auto& candidate : candidates) found.push_back(candidate.id);
  return found;
}

// 3,000 rows in documents of 10, in a VectorIndex and a graph, and what a scan finds.
class GraphIndexTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kRows = 3000;

  void add(std::int64_t rows) {
    for (std::int64_t i = 0; i < rows; i += 10) {
      QuantisedRows document(kDimension);
      for (int j = 0; j < 10; ++j) document.add(vectors_.next());
      append(document);
    }
  }
  void append(const QuantisedRows& rows) {
    exact_.append(end_, rows);
    living_.push_back({end_, end_ + static_cast<std::int64_t>(rows.size())});
    end_ = living_.back().end;
  }
  void link() { link(graph_); }
  void link(GraphIndex& graph) const {
    for (const auto& row : exact_.rows({graph.end_id(), INT64_MAX})) graph.add(row);
  }
  template <class F>
  void erase_if(F gone) {
    IdSet left;
    for (const IdRange& document : living_) {
      if (gone(document)) {
        graph_.refresh(exact_, exact_.erase(document));
      } else {
        left.push_back(document);
      }
    }
    living_ = std::move(left);
  }
  static bool one_in(IdRange document, std::int64_t n) { return document.begin / 10 * 7 % n == 0; }

  std::vector<VectorIndex::Candidate> found(std::span<const float> query,
                                            const IdSet* admitted = nullptr) const {
    return graph_.search(query, 50, admitted, kEffort).value();
  }
  /// Of the ten best of a scan, the share that the graph finds, over 100 queries.
  double mean_recall(const IdSet* admitted = nullptr) {
    double sum = 0;
    for (int i = 0; i < 100; ++i) {
      const auto query = vectors_.next();
      sum +=
          recall(exact_.search(query, 10, admitted ? *admitted : living_), found(query, admitted));
    }
    return sum / 100;
  }

  ClusteredVectors vectors_{kDimension, 250, kSeed};
  VectorIndex exact_{kDimension};
  GraphIndex graph_{kDimension, 2 * kRows};
  std::int64_t end_ = 1;
  IdSet living_;
};

}  // namespace

TEST_F(GraphIndexTest, FindsWhatAScanFinds) {
  add(kRows);
  link();
  EXPECT_EQ(graph_.size(), 3000U);
  EXPECT_EQ(graph_.end_id(), 3001);
  EXPECT_GE(mean_recall(), 0.98);
  const auto query = vectors_.next();
  const auto hits = found(query);
  EXPECT_EQ(hits.size(), 50U);
  EXPECT_TRUE(std::ranges::is_sorted(hits, VectorIndex::BestFirst{}));
  EXPECT_EQ(hits.front().score, exact_.search(query, 1, living_).front().score);
}

TEST_F(GraphIndexTest, IsEmptyAtFirst) {
  EXPECT_THAT(found(vectors_.next()), IsEmpty());
  EXPECT_EQ(graph_.end_id(), 0);
  add(10);
  link();
  EXPECT_THAT(*graph_.search(vectors_.next(), 0, nullptr, kEffort), IsEmpty());
  EXPECT_EQ(found(vectors_.next()).size(), 10U);
}

TEST_F(GraphIndexTest, FindsOnlyWhatAFilterAdmits) {
  add(kRows);
  link();
  IdSet third;
  std::ranges::copy_if(living_, std::back_inserter(third),
                       [](IdRange document) { return one_in(document, 3); });
  EXPECT_GE(mean_recall(&third), 0.98);
  EXPECT_GE(mean_recall(&living_), 0.98);
  for (const auto id : ids(found(vectors_.next(), &third))) EXPECT_TRUE(contains(third, id));
  const IdSet few = {{100, 140}};
  EXPECT_EQ(found(vectors_.next(), &few).size(), 40U);
}

TEST_F(GraphIndexTest, GivesUpWhereTooFewAreAdmitted) {
  add(kRows);
  link();
  const IdSet few = {{100, 140}};
  constexpr GraphIndex::Effort kLittle{.breadth = 64, .visits_max = 1500};
  EXPECT_FALSE(graph_.search(vectors_.next(), 50, &few, kLittle));
  EXPECT_TRUE(graph_.search(vectors_.next(), 50, nullptr, kLittle));
}

TEST_F(GraphIndexTest, NeverReturnsErasedRows) {
  add(kRows);
  link();
  erase_if([](IdRange document) { return one_in(document, 4); });
  EXPECT_EQ(graph_.erased(), 750U);
  EXPECT_EQ(graph_.size(), 2250U);
  EXPECT_GE(mean_recall(), 0.98);
  EXPECT_GE(mean_recall(&living_), 0.98);
  for (const auto id : ids(found(vectors_.next()))) EXPECT_TRUE(contains(living_, id));
  erase_if([](IdRange) { return true; });
  EXPECT_EQ(graph_.size(), 0U);
  EXPECT_THAT(found(vectors_.next()), IsEmpty());
  add(20);
  link();
  EXPECT_EQ(found(vectors_.next()).size(), 20U);
}

// Most of a part of the space, so that the ways to the rest of it led through what is gone.
TEST_F(GraphIndexTest, FindsItsWayThroughWhatWasErased) {
  constexpr std::size_t kTopic = 7;
  for (int i = 0; i < 100; ++i) {
    QuantisedRows document(kDimension);
    for (int j = 0; j < 9; ++j) document.add(vectors_.next(kTopic));
    append(document);
    document = QuantisedRows(kDimension);
    document.add(vectors_.next(kTopic));
    append(document);
  }
  add(kRows);
  link();
  erase_if([](IdRange document) { return document.size() == 9; });
  double sum = 0;
  for (int i = 0; i < 100; ++i) {
    const auto query = vectors_.next(kTopic);
    sum += recall(exact_.search(query, 10, living_), found(query));
  }
  EXPECT_GE(sum / 100, 0.98);
  EXPECT_GE(mean_recall(), 0.98);
}

TEST_F(GraphIndexTest, GrowsByRowsAddedLater) {
  add(kRows / 2);
  link();
  erase_if([](IdRange document) { return one_in(document, 5); });
  add(kRows / 2);
  link();
  EXPECT_GE(mean_recall(), 0.98);
}

// Boilerplate: one passage in very many documents.
TEST_F(GraphIndexTest, FindsEqualRowsAndWhatLiesBetweenThem) {
  const auto same = vectors_.next(100);
  for (int i = 0; i < 200; ++i) {
    add(10);
    QuantisedRows document(kDimension);
    for (int j = 0; j < 10; ++j) document.add(same);
    append(document);
  }
  link();
  EXPECT_GE(mean_recall(), 0.98);
  const IdSet later = {{2000, 3000}};
  for (const IdSet* admitted : std::initializer_list<const IdSet*>{nullptr, &later}) {
    const auto wanted = exact_.search(same, 500, admitted ? *admitted : living_);
    EXPECT_EQ(ids(graph_.search(same, 500, admitted, kEffort).value()), ids(wanted));
  }
  // Those that are left are found after the first ones of them are gone.
  erase_if([](IdRange document) { return document.begin < 1500; });
  EXPECT_EQ(ids(graph_.search(same, 500, nullptr, kEffort).value()),
            ids(exact_.search(same, 500, living_)));
  erase_if([](IdRange document) { return document.begin / 10 % 2 == 1; });
  EXPECT_GE(mean_recall(), 0.98);
}

TEST_F(GraphIndexTest, ACopyIsTheSameAndGoesOnAlone) {
  add(kRows / 2);
  link();
  GraphIndex copy(kDimension, 2 * kRows);
  int steps = 1;
  while (!copy.copy(graph_, 1000)) ++steps;
  EXPECT_EQ(steps, 2);
  erase_if([](IdRange document) { return one_in(document, 10); });
  copy.refresh(exact_, {1, end_});
  EXPECT_EQ(copy.size(), graph_.size());
  EXPECT_EQ(copy.erased(), graph_.erased());
  add(kRows / 2);
  link();
  link(copy);
  for (int i = 0; i < 20; ++i) {
    const auto query = vectors_.next();
    EXPECT_EQ(ids(copy.search(query, 50, nullptr, kEffort).value()), ids(found(query)));
  }
}

TEST_F(GraphIndexTest, KnowsWhenItIsFull) {
  GraphIndex graph(kDimension, 10);
  add(10);
  EXPECT_FALSE(graph.full());
  link(graph);
  EXPECT_TRUE(graph.full());
}

TEST_F(GraphIndexTest, TakesVectorsOfZeros) {
  QuantisedRows zeros(kDimension);
  for (int i = 0; i < 100; ++i) zeros.add(std::vector<float>(kDimension));
  append(zeros);
  add(100);
  link();
  EXPECT_EQ(found(std::vector<float>(kDimension)).size(), 50U);
  EXPECT_GE(mean_recall(), 0.98);
}

// By hand: store_test --gtest_also_run_disabled_tests --gtest_filter='*Benchmark*'; for
// OPALINE_VECTORS=300000 (or as many as it says) vectors of 384 dimensions.
TEST(GraphIndexBenchmark, DISABLED_ExactAndGraph) {
  constexpr std::size_t kQueries = 500;
  const char* setting = std::getenv("OPALINE_VECTORS");
  const auto rows = setting ? std::stoul(setting) : 300'000UL;
  const auto cpu_ms = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  };
  ClusteredVectors vectors(384, rows / 20, kSeed);
  VectorIndex exact(384);
  for (std::size_t first = 0; first < rows; first += 1000) {
    QuantisedRows block(384);
    for (int i = 0; i < 1000; ++i) block.add(vectors.next());
    exact.append(static_cast<std::int64_t>(first), block);
  }
  GraphIndex graph(384, rows);
  double begun = cpu_ms();
  for (std::int64_t id = 0; id < static_cast<std::int64_t>(rows); id += 1000) {
    for (const auto& row : exact.rows({id, id + 1000})) graph.add(row);
  }
  std::printf("%zu vectors: graph built in %.0f s, %.0f MB beside %.0f MB\n", rows,
              (cpu_ms() - begun) / 1e3, static_cast<double>(graph.memory_bytes()) / 1e6,
              static_cast<double>(exact.memory_bytes()) / 1e6);
  std::fflush(stdout);
  const auto measure = [&](const IdSet& admitted, const char* what, GraphIndex::Effort effort) {
    const bool all = admitted.front().size() == static_cast<std::int64_t>(rows);
    std::vector<double> scan;
    std::vector<double> walk;
    double sum = 0;
    for (std::size_t i = 0; i < kQueries; ++i) {
      const auto query = vectors.next();
      begun = cpu_ms();
      const auto wanted = exact.search(query, 50, admitted);
      scan.push_back(cpu_ms() - begun);
      begun = cpu_ms();
      const auto found = graph.search(query, 50, all ? nullptr : &admitted, effort);
      walk.push_back(cpu_ms() - begun);
      sum += recall(wanted, *found);
    }
    std::ranges::nth_element(scan, scan.begin() + kQueries / 2);
    std::ranges::nth_element(walk, walk.begin() + kQueries / 2);
    std::printf("%s, breadth %zu: exact %.2f ms, graph %.2f ms, recall@10 %.4f\n", what,
                effort.breadth, scan[kQueries / 2], walk[kQueries / 2], sum / kQueries);
    std::fflush(stdout);
  };
  const auto end = static_cast<std::int64_t>(rows);
  for (const std::size_t breadth : {64, 128, 256, 512, 1024})
    measure({{0, end}}, "all admitted", {.breadth = breadth, .visits_max = SIZE_MAX});
  for (const std::int64_t share : {50, 30, 10}) {
    IdSet admitted;
    for (std::int64_t id = 0; id < end; id += 10) {
      if (id / 10 * 37 % 100 < share) admitted.push_back({id, id + 10});
    }
    const auto what = std::to_string(share) + " % admitted";
    measure(admitted, what.c_str(), {.visits_max = SIZE_MAX});
  }
}

}  // namespace opaline::store
