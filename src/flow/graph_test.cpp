#include "flow/graph.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace opaline::flow {
namespace {

using base::ErrorCode;

Graph letters(std::size_t count) {
  Graph graph;
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(graph.add(std::string(1, static_cast<char>('a' + i))), i);
  }
  return graph;
}

TEST(Graph, KeepsNamesInOrderOfAdding) {
  const Graph graph = letters(3);
  EXPECT_EQ(graph.size(), 3U);
  EXPECT_EQ(graph.name(0), "a");
  EXPECT_EQ(graph.name(2), "c");
  EXPECT_FALSE(graph.empty());
  EXPECT_TRUE(Graph().empty());
}

TEST(Graph, RefusesANameTwice) {
  Graph graph = letters(2);
  const auto again = graph.add("b");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::already_exists);
  EXPECT_EQ(graph.size(), 2U);
}

TEST(Graph, KnowsBothSidesOfAnEdge) {
  Graph graph = letters(3);
  ASSERT_TRUE(graph.connect(2, 1));
  ASSERT_TRUE(graph.connect(0, 1));
  EXPECT_EQ(graph.predecessors(1), (std::vector<Graph::Node>{2, 0}));
  EXPECT_EQ(graph.successors(0), std::vector<Graph::Node>{1});
  EXPECT_TRUE(graph.successors(1).empty());
}

TEST(Graph, ConnectingTwiceChangesNothing) {
  Graph graph = letters(2);
  ASSERT_TRUE(graph.connect(0, 1));
  ASSERT_TRUE(graph.connect(0, 1));
  EXPECT_EQ(graph.predecessors(1).size(), 1U);
}

TEST(Graph, NamesTheCycleThatAnEdgeWouldClose) {
  Graph graph = letters(4);
  ASSERT_TRUE(graph.connect(0, 1));
  ASSERT_TRUE(graph.connect(1, 2));
  ASSERT_TRUE(graph.connect(2, 3));
  const auto closed = graph.connect(2, 0);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(closed.error().message, "c >> a >> b >> c");
  EXPECT_TRUE(graph.predecessors(0).empty()) << "a refused edge leaves no trace";
}

TEST(Graph, NamesTheShortestOfSeveralCycles) {
  Graph graph = letters(4);
  ASSERT_TRUE(graph.connect(0, 1));
  ASSERT_TRUE(graph.connect(1, 2));
  ASSERT_TRUE(graph.connect(2, 3));
  ASSERT_TRUE(graph.connect(0, 3));
  EXPECT_EQ(graph.connect(3, 0).error().message, "d >> a >> d");
}

TEST(Graph, RefusesAnEdgeToItself) {
  Graph graph = letters(1);
  EXPECT_EQ(graph.connect(0, 0).error().message, "a >> a");
}

TEST(Graph, LeavesAreWhatNothingFollows) {
  Graph graph = letters(4);
  ASSERT_TRUE(graph.connect(0, 1));
  ASSERT_TRUE(graph.connect(0, 3));
  EXPECT_EQ(graph.leaves(), (std::vector<Graph::Node>{1, 2, 3}));
  EXPECT_TRUE(Graph().leaves().empty());
}

/// Every directed graph of four nodes (2^12 sets of edges), against a plain transitive closure.
TEST(Graph, RefusesExactlyTheEdgesThatCloseACycle) {
  constexpr std::size_t kNodes = 4;
  std::vector<std::pair<Graph::Node, Graph::Node>> pairs;
  for (Graph::Node from = 0; from < kNodes; ++from) {
    for (Graph::Node to = 0; to < kNodes; ++to) {
      if (from != to) pairs.emplace_back(from, to);
    }
  }
  for (std::uint32_t edges = 0; edges < (1U << pairs.size()); ++edges) {
    Graph graph = letters(kNodes);
    bool reach[kNodes][kNodes] = {};
    for (Graph::Node node = 0; node < kNodes; ++node) reach[node][node] = true;
    for (std::size_t bit = 0; bit < pairs.size(); ++bit) {
      if ((edges >> bit & 1U) == 0) continue;
      const auto [from, to] = pairs[bit];
      const bool accepted = graph.connect(from, to).has_value();
      ASSERT_EQ(accepted, !reach[to][from]) << "edges " << edges << ", " << from << " >> " << to;
      if (!accepted) continue;
      for (Graph::Node x = 0; x < kNodes; ++x) {
        for (Graph::Node y = 0; y < kNodes; ++y) {
          reach[x][y] = reach[x][y] || (reach[x][from] && reach[to][y]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace opaline::flow
