#include "engine/child_process.hpp"

#include <gtest/gtest.h>

namespace opaline::engine {
namespace {

TEST(ChildProcess, GivesOutputAndExitCode) {
  const auto outcome =
      run_child({.arguments = {"sh", "-c", "echo out; echo error >&2; cat; exit 3"}});
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->exit_code, 3);
  EXPECT_EQ(outcome->output, "out\nerror\n");
}

TEST(ChildProcess, AddsToTheEnvironment) {
  const auto outcome = run_child({.arguments = {"sh", "-c", "echo $NEW:$HOME"},
                                  .environment = {{"NEW", "1"}, {"HOME", "/nowhere"}}});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->output, "1:/nowhere\n");
}

TEST(ChildProcess, SaysThatThereIsNoSuchProgram) {
  const auto outcome = run_child({.arguments = {"there-is-no-such-program"}});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, base::ErrorCode::not_found);
}

TEST(ChildProcess, ReportsTheSignalThatEndedIt) {
  const auto outcome = run_child({.arguments = {"sh", "-c", "kill -9 $$"}});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_code, 128 + 9);
}

TEST(ChildProcess, KeepsTheEndOfLongOutput) {
  const auto outcome = run_child(
      {.arguments = {
           "sh", "-c",
           "i=0; while [ $i -lt 3000 ]; do echo line-of-output-number-$i; i=$((i+1)); done"}});
  ASSERT_TRUE(outcome);
  EXPECT_LE(outcome->output.size(), 64U * 1024);
  EXPECT_TRUE(outcome->output.ends_with("line-of-output-number-2999\n"));
}

TEST(ChildProcess, EndsTheWholeGroupWhenCancelled) {
  int asked = 0;
  const auto outcome = run_child(
      {.arguments = {"sh", "-c", "sleep 60 & sleep 60"}, .cancelled = [&] { return ++asked > 1; }});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, base::ErrorCode::cancelled);
}

TEST(ChildProcess, KillsWhatIgnoresTheRequestToEnd) {
  const auto outcome =
      run_child({.arguments = {"sh", "-c", "trap '' TERM; while :; do sleep 1; done"},
                 .cancelled = [] { return true; }});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, base::ErrorCode::cancelled);
}

}  // namespace
}  // namespace opaline::engine
