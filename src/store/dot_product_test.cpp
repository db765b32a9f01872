#include "store/dot_product.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>

#include "store/vector_index.hpp"

namespace opaline::store {

namespace {

AlignedBytes random_rows(std::mt19937& random, std::size_t bytes, int lowest, int highest) {
  AlignedBytes rows(static_cast<std::int8_t*>(std::aligned_alloc(kRowAlignment, bytes)));
  std::uniform_int_distribution<int> value(lowest, highest);
  for (std::size_t i = 0; i < bytes; ++i) rows[i] = static_cast<std::int8_t>(value(random));
  return rows;
}

}  // namespace

TEST(DotProduct, EveryVariantEqualsPlainArithmetic) {
  std::mt19937 random(3);
  for (const auto [lowest, highest] :
       {std::pair(-127, 127), std::pair(127, 127), std::pair(-127, -127), std::pair(-128, -128)}) {
    for (const std::size_t stride : {64U, 128U, 384U, 1024U}) {
      for (const std::size_t count : {0U, 1U, 3U, 4U, 5U, 9U}) {
        const auto query = random_rows(random, stride, lowest, highest);
        const auto rows =
            random_rows(random, std::max<std::size_t>(1, count) * stride, lowest, highest);
        std::vector<std::int32_t> wanted(count);
        for (std::size_t row = 0; row < count; ++row) {
          for (std::size_t i = 0; i < stride; ++i) wanted[row] += query[i] * rows[row * stride + i];
        }
        for (const auto& variant : dot_product_variants()) {
          std::vector<std::int32_t> found(count, 7);
          variant.function(query.get(), rows.get(), stride, count, found.data());
          EXPECT_EQ(found, wanted) << variant.name << " stride " << stride << " count " << count;
        }
      }
    }
  }
}

TEST(DotProduct, HasAPlainVariantOnEveryMachine) {
  ASSERT_FALSE(dot_product_variants().empty());
  EXPECT_EQ(dot_product_variants().back().name, "scalar");
}

TEST(DotProduct, SumsFloatsInDouble) {
  const std::vector<float> a = {1e8F, 1, -1e8F, 2, 3};
  const std::vector<float> b = {1, 1, 1, 1, 1};
  EXPECT_EQ(dot_product(a, b), 6);
  EXPECT_EQ(dot_product({}, {}), 0);
}

}  // namespace opaline::store
