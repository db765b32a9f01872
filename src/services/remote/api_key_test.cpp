#include "services/remote/api_key.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace opaline::services {
namespace {

TEST(ApiKey, ComesFromTheEnvironment) {
  ASSERT_EQ(setenv("OPALINE_TEST_KEY", "sk-1", 1), 0);
  EXPECT_EQ(resolve_api_key("env:OPALINE_TEST_KEY"), "sk-1");
  unsetenv("OPALINE_TEST_KEY");
  const auto missing = resolve_api_key("env:OPALINE_TEST_KEY");
  EXPECT_EQ(missing.error().code, base::ErrorCode::failed_precondition);
  EXPECT_NE(missing.error().message.find("OPALINE_TEST_KEY"), std::string::npos);
}

TEST(ApiKey, ComesFromTheFirstLineOfAFile) {
  const std::string path = testing::TempDir() + "opaline_api_key_test";
  std::ofstream(path) << "sk-2\r\nmore\n";
  EXPECT_EQ(resolve_api_key("file:" + path), "sk-2");
  std::ofstream(path) << "\n";
  EXPECT_EQ(resolve_api_key("file:" + path).error().code, base::ErrorCode::failed_precondition);
  std::ofstream(path) << "a\x01"
                         "b\n";
  EXPECT_EQ(resolve_api_key("file:" + path).error().code, base::ErrorCode::failed_precondition);
  std::filesystem::remove(path);
  EXPECT_EQ(resolve_api_key("file:" + path).error().code, base::ErrorCode::failed_precondition);
}

TEST(ApiKey, IsNeverTakenInClearNorRepeated) {
  EXPECT_EQ(resolve_api_key(""), "");
  const auto error = resolve_api_key("sk-secret").error();
  EXPECT_EQ(error.code, base::ErrorCode::invalid_argument);
  EXPECT_EQ(error.message.find("sk-secret"), std::string::npos);
}

}  // namespace
}  // namespace opaline::services
