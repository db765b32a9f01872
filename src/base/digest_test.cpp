#include "base/digest.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/random.hpp"

namespace opaline::base {
namespace {

// FIPS 180-4 example: "abc".
constexpr std::string_view kAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, MatchesThePublishedExample) { EXPECT_EQ(sha256_hex("abc"), kAbc); }

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const auto file = std::filesystem::temp_directory_path() / ("digest-" + random_hex(8));
  std::ofstream(file, std::ios::binary) << "abc";
  EXPECT_EQ(sha256_file_hex(file), kAbc);
  std::filesystem::remove(file);
  const auto missing = sha256_file_hex(file);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

TEST(Random, GivesHexOfTheAskedLengthAndDiffers) {
  EXPECT_EQ(random_hex(8).size(), 16U);
  EXPECT_NE(random_hex(16), random_hex(16));
}

}  // namespace
}  // namespace opaline::base
