#include "base/cancellation.hpp"

#include <gtest/gtest.h>

#include <string>

namespace opaline::base {
namespace {

TEST(Cancellation, RunsCallbacksOnceNewestFirst) {
  auto cancellation = Cancellation::create();
  std::string order;
  auto a = cancellation->on_request([&] { order += 'a'; });
  auto b = cancellation->on_request([&] { order += 'b'; });
  cancellation->request();
  cancellation->request();
  EXPECT_EQ(order, "ba");
  EXPECT_TRUE(cancellation->requested());
}

TEST(Cancellation, ForgetsACallbackWhoseRegistrationDied) {
  auto cancellation = Cancellation::create();
  bool called = false;
  {
    auto gone = cancellation->on_request([&] { called = true; });
  }
  cancellation->request();
  EXPECT_FALSE(called);
}

TEST(Cancellation, CallsAtOnceWhenRequestedBefore) {
  auto cancellation = Cancellation::create();
  cancellation->request();
  bool called = false;
  auto late = cancellation->on_request([&] { called = true; });
  EXPECT_TRUE(called);
}

TEST(Cancellation, SurvivesACallbackThatRemovesAnother) {
  auto cancellation = Cancellation::create();
  bool first_called = false;
  Cancellation::Registration first = cancellation->on_request([&] { first_called = true; });
  auto second = cancellation->on_request([&] { first = {}; });
  cancellation->request();
  EXPECT_FALSE(first_called);
}

TEST(Cancellation, MovedRegistrationStillHolds) {
  auto cancellation = Cancellation::create();
  int calls = 0;
  Cancellation::Registration kept;
  {
    auto made = cancellation->on_request([&] { ++calls; });
    kept = std::move(made);
  }
  cancellation->request();
  EXPECT_EQ(calls, 1);
}

TEST(Cancellation, RegistrationMayOutliveIt) {
  Cancellation::Registration left;
  {
    auto cancellation = Cancellation::create();
    left = cancellation->on_request([] {});
  }
}

}  // namespace
}  // namespace opaline::base
