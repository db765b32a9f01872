#include "gateway/mcp/mcp_sessions.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/limits.hpp"
#include "base/task.hpp"

namespace opaline::gateway {
namespace {

using base::ErrorCode;

const std::string kAnna = "anna";
const std::string kBen = "ben";

std::string opened(McpSessions& sessions, const std::string& principal) {
  return sessions.open({.principal = principal, .version = "2025-06-18", .stream = {}}).value();
}

TEST(McpSessions, BelongToWhoOpenedThem) {
  McpSessions sessions;
  const std::string id = opened(sessions, kAnna);
  EXPECT_EQ(sessions.find_version({.session = id, .principal = kAnna}), "2025-06-18");
  EXPECT_FALSE(sessions.find_version({.session = id, .principal = kBen}));
  EXPECT_FALSE(sessions.close({.session = id, .principal = kBen}));
  EXPECT_TRUE(sessions.close({.session = id, .principal = kAnna}));
  EXPECT_FALSE(sessions.find_version({.session = id, .principal = kAnna}));
}

TEST(McpSessions, MakeRoomByEndingTheOneUnusedForLongest) {
  McpSessions sessions;
  const std::string first = opened(sessions, kAnna);
  const std::string second = opened(sessions, kAnna);
  for (std::size_t i = 2; i < limits::kMcpSessions; ++i) (void)opened(sessions, kAnna);
  EXPECT_TRUE(sessions.find_version({.session = first, .principal = kAnna}));
  (void)opened(sessions, kAnna);
  EXPECT_EQ(sessions.size(), limits::kMcpSessions);
  EXPECT_TRUE(sessions.find_version({.session = first, .principal = kAnna}));
  EXPECT_FALSE(sessions.find_version({.session = second, .principal = kAnna}));
}

TEST(McpSessions, CallOffACallWhileItRuns) {
  base::EventLoop loop(1);
  McpSessions sessions;
  const std::string id = opened(sessions, kAnna);
  const McpSessions::Caller anna{.session = id, .principal = kAnna};
  const auto cancellation = base::Cancellation::create();
  {
    auto running = sessions.enter(anna, "1", loop.get_executor(), cancellation);
    ASSERT_TRUE(running);
    EXPECT_EQ(sessions.enter(anna, "1", loop.get_executor(), cancellation).error().code,
              ErrorCode::already_exists);
    sessions.cancel({.session = id, .principal = kBen}, "1");
    sessions.cancel(anna, "2");
    loop.poll();
    EXPECT_FALSE(cancellation->requested());
    sessions.cancel(anna, "1");
    EXPECT_FALSE(cancellation->requested());  // Only on the call's own thread.
    loop.restart();
    loop.poll();
    EXPECT_TRUE(cancellation->requested());
  }
  EXPECT_TRUE(sessions.enter(anna, "1", loop.get_executor(), cancellation));
}

TEST(McpSessions, EndTheirCallsWhenTheyEnd) {
  base::EventLoop loop(1);
  McpSessions sessions;
  const std::string id = opened(sessions, kAnna);
  const McpSessions::Caller anna{.session = id, .principal = kAnna};
  const auto cancellation = base::Cancellation::create();
  auto running = sessions.enter(anna, "1", loop.get_executor(), cancellation);
  EXPECT_TRUE(sessions.close(anna));
  loop.poll();
  EXPECT_TRUE(cancellation->requested());
  EXPECT_EQ(sessions.enter(anna, "1", loop.get_executor(), cancellation).error().code,
            ErrorCode::not_found);
}

TEST(McpSessions, RunOnlySoManyCallsAtOnce) {
  base::EventLoop loop(1);
  McpSessions sessions;
  const std::string id = opened(sessions, kAnna);
  const McpSessions::Caller anna{.session = id, .principal = kAnna};
  std::vector<std::unique_ptr<McpSessions::Running>> running;
  for (std::size_t i = 0; i < limits::kMcpCalls; ++i) {
    running.push_back(
        sessions.enter(anna, std::to_string(i), loop.get_executor(), base::Cancellation::create())
            .value());
  }
  EXPECT_EQ(
      sessions.enter(anna, "x", loop.get_executor(), base::Cancellation::create()).error().code,
      ErrorCode::resource_exhausted);
}

}  // namespace
}  // namespace opaline::gateway
