#include "contract/base64.hpp"

#include <gtest/gtest.h>

namespace opaline::contract {
namespace {

TEST(Base64, EncodesAsOpenAiDoes) {
  EXPECT_EQ(base64_of_floats(std::vector<float>{1.0F}), "AACAPw==");
  EXPECT_EQ(base64_of_floats({}), "");
}

TEST(Base64, ReadsBackEveryLength) {
  std::vector<float> numbers;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(floats_of_base64(base64_of_floats(numbers)), numbers) << i;
    numbers.push_back(static_cast<float>(i) * -0.37F);
  }
}

TEST(Base64, RefusesWhatIsNone) {
  for (const char* text :
       {"AACAPw", "AACAPw=", "AAC!Pw==", "AAAA", "====", "AACAPw==AACAPw==", "="}) {
    EXPECT_FALSE(floats_of_base64(text)) << text;
  }
}

}  // namespace
}  // namespace opaline::contract
