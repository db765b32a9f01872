#include "gateway/latency_statistics.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace opaline::gateway {
namespace {

using namespace std::chrono_literals;

TEST(LatencyStatistics, HasOpeasSixFigures) {
  LatencyStatistics statistics;
  for (int i = 1; i <= 100; ++i) statistics.record("/rag", std::chrono::milliseconds(10 * i));
  const auto rag = boost::json::parse(statistics.json()).at("/rag").as_object();
  ASSERT_EQ(rag.size(), 6u);
  EXPECT_NEAR(rag.at("p50_latency").as_double(), 0.505, 1e-9);
  EXPECT_NEAR(rag.at("p99_latency").as_double(), 0.9901, 1e-9);
  EXPECT_NEAR(rag.at("average_latency").as_double(), 0.505, 1e-9);
  EXPECT_TRUE(rag.at("p50_latency_first_token").is_null());
}

TEST(LatencyStatistics, KnowsFirstTokens) {
  LatencyStatistics statistics;
  statistics.record("/v1/chatqna", 2s, 500ms);
  const auto entry = boost::json::parse(statistics.json()).at("/v1/chatqna").as_object();
  EXPECT_EQ(entry.at("p99_latency_first_token").as_double(), 0.5);
}

TEST(LatencyStatistics, RemembersTheLastOnesOnly) {
  LatencyStatistics statistics;
  for (std::size_t i = 0; i < LatencyStatistics::kWindow; ++i) statistics.record("a", 100s);
  for (std::size_t i = 0; i < LatencyStatistics::kWindow; ++i) statistics.record("a", 1s);
  EXPECT_EQ(boost::json::parse(statistics.json()).at("a").at("average_latency").as_double(), 1);
}

TEST(LatencyStatistics, IsEmptyAtFirst) { EXPECT_EQ(LatencyStatistics().json(), "{}"); }

}  // namespace
}  // namespace opaline::gateway
