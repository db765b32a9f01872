#include "engine/long_words.hpp"

#include <gtest/gtest.h>

namespace opaline::engine {
namespace {

TEST(LongWords, LeavesOrdinaryTextAlone) {
  for (const std::string& text :
       {std::string(), std::string("Hello, world 42!"), std::string("żółć — 東京"),
        std::string(100, 'a'), std::string(100, 'a') + "-" + std::string(100, 'b')}) {
    EXPECT_EQ(without_long_words(text), text);
  }
}

TEST(LongWords, ReplacesEachLongWordByOne) {
  const std::string kept =
      without_long_words("a " + std::string(101, 'x') + ", " + std::string(5000, '7') + " z");
  EXPECT_EQ(kept, "a \U000130B8, \U000130B8 z");
}

}  // namespace
}  // namespace opaline::engine
