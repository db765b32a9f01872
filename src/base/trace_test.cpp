#include "base/trace.hpp"

#include <gtest/gtest.h>

namespace opaline::base {
namespace {

constexpr std::string_view kGood = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, ReadsAndWritesTheSameHeader) {
  const auto parsed = TraceContext::parse(kGood);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->header(), kGood);
  EXPECT_EQ(parsed->trace_id_hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_TRUE(parsed->sampled);
}

TEST(TraceContext, RefusesWhatTheSpecificationForbids) {
  for (const std::string_view bad : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",    // All-zero trace id.
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",    // All-zero span id.
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",    // Upper case.
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",    // Forbidden version.
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",  // Version 00 ends here.
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
           "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
       }) {
    EXPECT_FALSE(TraceContext::parse(bad)) << bad;
  }
}

TEST(TraceContext, ReadsALaterVersionWithMoreFields) {
  EXPECT_TRUE(TraceContext::parse("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
}

TEST(TraceContext, ChildKeepsTheTraceAndChangesTheSpan) {
  const auto parent = TraceContext::start();
  const auto child = parent.child();
  EXPECT_EQ(parent.trace_id, child.trace_id);
  EXPECT_NE(parent.span_id, child.span_id);
}

}  // namespace
}  // namespace opaline::base
