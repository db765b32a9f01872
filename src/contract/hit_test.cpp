#include "contract/hit.hpp"

#include <gtest/gtest.h>

namespace opaline::contract {
namespace {

TEST(TitledText, HasEachHeadingOnce) {
  EXPECT_EQ(titled_text("T > A", "A\n\ntext"), "T\nA\n\ntext");
  EXPECT_EQ(titled_text("T", "T\n\ntext"), "T\n\ntext");
  EXPECT_EQ(titled_text("T > A", "Apples"), "T > A\nApples");
  EXPECT_EQ(titled_text("", "text"), "text");
}

}  // namespace
}  // namespace opaline::contract
