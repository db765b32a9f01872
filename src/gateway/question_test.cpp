#include "gateway/question.hpp"

#include <gtest/gtest.h>

#include <string>

namespace opaline::gateway {
namespace {

TEST(Question, MustNotBeEmpty) {
  for (const char* text : {"", " ", "\n\t\r "}) EXPECT_FALSE(check_question(text, 1000)) << text;
}

TEST(Question, IsCountedInCharactersNotBytes) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "你";
  EXPECT_TRUE(check_question(text, 1000));
  const auto longer = check_question(text + "你", 1000);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, base::ErrorCode::invalid_argument);
  EXPECT_NE(longer.error().message.find("1001"), std::string::npos);
}

TEST(Question, HasNoLimitAtZero) { EXPECT_TRUE(check_question(std::string(100'000, 'a'), 0)); }

}  // namespace
}  // namespace opaline::gateway
