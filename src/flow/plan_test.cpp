#include "flow/plan.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>

namespace opaline::flow {
namespace {

using Nodes = std::vector<Graph::Node>;

Graph graph_of(std::size_t nodes,
               std::initializer_list<std::pair<Graph::Node, Graph::Node>> edges) {
  Graph graph;
  for (std::size_t i = 0; i < nodes; ++i) EXPECT_TRUE(graph.add(std::to_string(i)));
  for (const auto& [from, to] : edges) EXPECT_TRUE(graph.connect(from, to));
  return graph;
}

TEST(Plan, RunsAChainInOrder) {
  const Graph graph = graph_of(3, {{0, 1}, {1, 2}});
  Plan plan(graph);
  for (Graph::Node node = 0; node < 3; ++node) {
    EXPECT_FALSE(plan.complete());
    EXPECT_EQ(plan.ready(), Nodes{node});
    EXPECT_EQ(plan.take_ready(), Nodes{node});
    EXPECT_TRUE(plan.take_ready().empty()) << "each step is started once";
    EXPECT_EQ(plan.running(), 1U);
    plan.finish(node);
    EXPECT_TRUE(plan.done(node));
  }
  EXPECT_TRUE(plan.complete());
}

TEST(Plan, StartsIndependentStepsAtOnceInOrderOfTheirNodes) {
  const Graph graph = graph_of(4, {{3, 1}});
  Plan plan(graph);
  EXPECT_EQ(plan.take_ready(), (Nodes{0, 2, 3}));
}

TEST(Plan, RunsBothBranchesBeforeTheirJoin) {
  const Graph graph = graph_of(4, {{0, 1}, {0, 2}, {1, 3}, {2, 3}});
  Plan plan(graph);
  EXPECT_EQ(plan.take_ready(), Nodes{0});
  plan.finish(0);
  EXPECT_EQ(plan.take_ready(), (Nodes{1, 2}));
  plan.finish(2);
  EXPECT_TRUE(plan.take_ready().empty());
  EXPECT_FALSE(plan.complete());
  plan.finish(1);
  EXPECT_EQ(plan.take_ready(), Nodes{3});
  plan.finish(3);
  EXPECT_TRUE(plan.complete());
}

TEST(Plan, ReadyStepsStayInOrderWhateverEndsFirst) {
  const Graph graph = graph_of(4, {{0, 3}, {1, 2}});
  Plan plan(graph);
  EXPECT_EQ(plan.take_ready(), (Nodes{0, 1}));
  plan.finish(0);
  plan.finish(1);
  EXPECT_EQ(plan.take_ready(), (Nodes{2, 3}));
}

TEST(Plan, AReadyStepThatIsSkippedIsPassedOver) {
  const Graph graph = graph_of(3, {{0, 1}, {1, 2}});
  Plan plan(graph);
  EXPECT_EQ(plan.take_ready(), Nodes{0});
  plan.finish(0);
  plan.skip(1);
  EXPECT_TRUE(plan.skipped(1));
  EXPECT_FALSE(plan.done(1));
  EXPECT_EQ(plan.take_ready(), Nodes{2});
}

TEST(Plan, WhatFollowsASkippedStepStillWaitsForWhatLedToIt) {
  const Graph graph = graph_of(3, {{0, 1}, {1, 2}});
  Plan plan(graph);
  plan.skip(1);
  plan.skip(1);
  EXPECT_FALSE(plan.skipped(1)) << "not before step 0 ended";
  EXPECT_EQ(plan.take_ready(), Nodes{0});
  EXPECT_TRUE(plan.take_ready().empty());
  plan.finish(0);
  EXPECT_TRUE(plan.skipped(1));
  EXPECT_EQ(plan.take_ready(), Nodes{2});
}

TEST(Plan, AJoinOfADoneAndASkippedStepIsReady) {
  const Graph graph = graph_of(3, {{0, 2}, {1, 2}});
  Plan plan(graph);
  plan.skip(1);
  EXPECT_EQ(plan.take_ready(), Nodes{0});
  plan.finish(0);
  EXPECT_EQ(plan.take_ready(), Nodes{2});
}

TEST(Plan, SkippingEverythingCompletes) {
  const Graph graph = graph_of(3, {{0, 1}, {1, 2}});
  Plan plan(graph);
  plan.skip(2);
  plan.skip(1);
  plan.skip(0);
  EXPECT_TRUE(plan.skipped(2));
  EXPECT_TRUE(plan.complete());
}

TEST(Plan, AJoinWaitsOnlyForTheBranchThatIsTaken) {
  const Graph graph = graph_of(5, {{0, 1}, {0, 2}, {2, 3}, {1, 4}, {3, 4}});
  Plan plan(graph);
  EXPECT_EQ(plan.take_ready(), Nodes{0});
  plan.drop(2);
  EXPECT_TRUE(plan.dropped(3)) << "nothing else leads to it";
  plan.finish(0);
  EXPECT_EQ(plan.take_ready(), Nodes{1});
  plan.finish(1);
  EXPECT_EQ(plan.take_ready(), Nodes{4});
}

TEST(Plan, DroppingTheLastThatIsWaitedForMakesReady) {
  const Graph graph = graph_of(3, {{0, 2}, {1, 2}});
  Plan plan(graph);
  EXPECT_EQ(plan.take_ready(), (Nodes{0, 1}));
  plan.finish(0);
  plan.drop(1);
  EXPECT_TRUE(plan.take_ready().empty()) << "a step that runs cannot be dropped";
  plan.finish(1);
  EXPECT_EQ(plan.take_ready(), Nodes{2});
  plan.drop(2);
  EXPECT_FALSE(plan.dropped(2));
}

TEST(Plan, AStepThatLosesAnEdgeIsReadyWithTheOthers) {
  Graph graph = graph_of(3, {{0, 2}, {1, 2}});
  Plan plan(graph);
  EXPECT_EQ(plan.take_ready(), (Nodes{0, 1}));
  plan.finish(0);
  graph.disconnect(1, 2);
  plan.reconsider(2);
  EXPECT_EQ(plan.take_ready(), Nodes{2});
}

TEST(Plan, AStepThatLosesAllEdgesIsDropped) {
  Graph graph = graph_of(3, {{0, 1}, {1, 2}});
  Plan plan(graph);
  EXPECT_EQ(plan.take_ready(), Nodes{0});
  graph.disconnect(0, 1);
  plan.finish(0);
  EXPECT_TRUE(plan.take_ready().empty());
  plan.reconsider(1);
  EXPECT_TRUE(plan.dropped(1));
  EXPECT_TRUE(plan.dropped(2));
}

TEST(Plan, AnEmptyGraphIsComplete) {
  const Graph graph;
  EXPECT_TRUE(Plan(graph).complete());
}

TEST(Plan, NothingStartsAfterAbort) {
  const Graph graph = graph_of(4, {{0, 2}, {1, 3}});
  Plan plan(graph);
  EXPECT_EQ(plan.take_ready(), (Nodes{0, 1}));
  plan.finish(0);
  plan.abort();
  EXPECT_TRUE(plan.take_ready().empty()) << "not even what was ready";
  EXPECT_FALSE(plan.complete()) << "step 1 still runs";
  plan.finish(1);
  EXPECT_TRUE(plan.take_ready().empty());
  EXPECT_TRUE(plan.complete());
}

TEST(Plan, AFailureAborts) {
  const Graph graph = graph_of(3, {{0, 2}});
  Plan plan(graph);
  EXPECT_EQ(plan.take_ready(), (Nodes{0, 1}));
  plan.fail(1);
  EXPECT_FALSE(plan.done(1));
  plan.finish(0);
  EXPECT_TRUE(plan.take_ready().empty());
  EXPECT_TRUE(plan.complete());
}

TEST(PlanDeath, AssertsTheProtocol) {
  const Graph graph = graph_of(2, {{0, 1}});
  Plan plan(graph);
  EXPECT_DEATH(plan.finish(0), "running");
  EXPECT_DEATH(plan.fail(1), "running");
  EXPECT_EQ(plan.take_ready(), Nodes{0});
  EXPECT_DEATH(plan.skip(0), "skip");
}

/// Every acyclic graph of four nodes (edges from lower to higher: 2^6), every set of skipped steps,
/// every order of ending.
class AllPlans {
 public:
  explicit AllPlans(const Graph& graph, unsigned skipped) : graph_(graph), skipped_(skipped) {}

  void explore(Plan plan, unsigned running, unsigned started) {
    for (const Graph::Node node : plan.take_ready()) {
      ASSERT_EQ(started >> node & 1U, 0U) << "started twice";
      ASSERT_EQ(skipped_ >> node & 1U, 0U) << "a skipped step was started";
      check_needs(plan, node);
      running |= 1U << node;
      started |= 1U << node;
    }
    ASSERT_EQ(plan.complete(), running == 0);
    if (running == 0) {
      ASSERT_EQ(started | skipped_, (1U << graph_.size()) - 1) << "a step was forgotten";
      ++runs_;
    }
    for (Graph::Node node = 0; node < graph_.size(); ++node) {
      if ((running >> node & 1U) == 0) continue;
      Plan next = plan;
      next.finish(node);
      explore(next, running & ~(1U << node), started);
    }
  }

  std::size_t runs() const { return runs_; }

 private:
  void check_needs(const Plan& plan, Graph::Node node) {
    for (const Graph::Node before : graph_.predecessors(node)) {
      ASSERT_TRUE(plan.done(before) || plan.skipped(before));
      check_needs(plan, before);
    }
  }

  const Graph& graph_;
  unsigned skipped_;
  std::size_t runs_ = 0;
};

TEST(Plan, HoldsItsInvariantInEveryRunOfEverySmallGraph) {
  std::size_t runs = 0;
  for (unsigned edges = 0; edges < 64; ++edges) {
    Graph graph = graph_of(4, {});
    unsigned bit = 0;
    for (Graph::Node from = 0; from < 4; ++from) {
      for (Graph::Node to = from + 1; to < 4; ++to, ++bit) {
        if (edges >> bit & 1U) ASSERT_TRUE(graph.connect(from, to));
      }
    }
    for (unsigned skipped = 0; skipped < 16; ++skipped) {
      Plan plan(graph);
      for (Graph::Node node = 0; node < 4; ++node) {
        if (skipped >> node & 1U) plan.skip(node);
      }
      AllPlans all(graph, skipped);
      all.explore(plan, 0, 0);
      if (HasFatalFailure()) FAIL() << "edges " << edges << ", skipped " << skipped;
      runs += all.runs();
    }
  }
  EXPECT_GT(runs, 1000U);
}

}  // namespace
}  // namespace opaline::flow
