#include "flow/black_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/limits.hpp"

namespace opaline::flow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BlackListTest : public testing::Test {
 protected:
  BlackListTest() {
    for (const char* name : {"guard", "llm", "llm2", "audit"}) EXPECT_TRUE(graph_.add(name));
    for (const Graph::Node next : {1U, 2U, 3U}) EXPECT_TRUE(graph_.connect(0, next));
  }
  auto listed(std::string_view output) const {
    return black_listed(boost::json::parse(output), graph_, 0);
  }

  Graph graph_;
};

TEST_F(BlackListTest, NamesTheStepsAfterThatMatch) {
  EXPECT_THAT(*listed(R"({"downstream_black_list":["^llm","aud"]})").value(), ElementsAre(1, 2, 3));
  EXPECT_THAT(*listed(R"({"downstream_black_list":["^guard$"]})").value(), IsEmpty());
}

TEST_F(BlackListTest, ThereMayBeNone) {
  for (const char* output :
       {"7", "{}", R"({"downstream_black_list":[]})", R"({"downstream_black_list":null})"}) {
    EXPECT_FALSE(listed(output).value()) << output;
  }
}

TEST_F(BlackListTest, WhatCannotBeReadIsAnErrorThatSaysWhy) {
  const auto message = [this](std::string_view output) {
    const auto found = listed(output);
    EXPECT_FALSE(found) << output;
    if (found) return std::string();
    EXPECT_EQ(found.error().code, base::ErrorCode::failed_precondition);
    return found.error().message;
  };
  EXPECT_EQ(message(R"({"downstream_black_list":["(?!safe).*"]})"),
            "the 'downstream_black_list' of its answer has the pattern '(?!safe).*', which is no "
            "regular expression of RE2: invalid perl operator: (?!");
  EXPECT_THAT(message(R"({"downstream_black_list":["x",7]})"), HasSubstr("is no text"));
  EXPECT_THAT(message(R"({"downstream_black_list":".*"})"), HasSubstr("is no list"));
}

TEST_F(BlackListTest, NamesAStepOnceHoweverManyPatternsMatch) {
  EXPECT_THAT(*listed(R"({"downstream_black_list":["llm2","^llm",".*"]})").value(),
              ElementsAre(2, 1, 3));
}

TEST_F(BlackListTest, MoreThanAFlowCanNeedIsRefused) {
  const auto code = [this](std::size_t patterns, std::size_t bytes) {
    boost::json::array list(patterns, boost::json::value(std::string(bytes, 'x')));
    boost::json::object output;
    output.emplace("downstream_black_list", std::move(list));
    const auto found = black_listed(std::move(output), graph_, 0);
    return found ? std::optional<base::ErrorCode>() : found.error().code;
  };
  EXPECT_EQ(code(limits::kFlowSteps, 1), std::nullopt);
  EXPECT_EQ(code(limits::kFlowSteps + 1, 1), base::ErrorCode::failed_precondition);
  EXPECT_EQ(code(1, 4096), std::nullopt);
  EXPECT_EQ(code(1, 4097), base::ErrorCode::failed_precondition);
}

}  // namespace
}  // namespace opaline::flow
