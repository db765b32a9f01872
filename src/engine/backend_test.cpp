#include "engine/backend.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/backend_probe.hpp"
#include "engine/engine_fixture.hpp"

namespace opaline::engine {
namespace {

TEST(Backend, ListsItsLevelsBestFirst) {
  const auto levels = Backend::available_levels();
  ASSERT_FALSE(levels.empty());
  const auto place = [&](const char* level) {
    return std::ranges::find(levels, level) - levels.begin();
  };
  EXPECT_LT(place("sapphirerapids"), place("zen4"));
  EXPECT_LT(place("zen4"), place("haswell"));
  EXPECT_EQ(levels.back(), "x64");
}

TEST(Backend, ChoosesTheBestThatRuns) {
  const auto chosen = Backend::create();
  ASSERT_TRUE(chosen) << chosen.error().message;
  const std::string level = (*chosen)->level();
  for (const std::string& better : Backend::available_levels()) {
    if (better == level) break;
    EXPECT_NE(probe_backend(
                  std::filesystem::path(OPALINE_TEST_MODULES) / ("libggml-cpu-" + better + ".so"),
                  std::chrono::seconds(10)),
              "")
        << better;
  }
}

TEST(Backend, TakesALevelByName) {
  const auto chosen = Backend::create("x64");
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ((*chosen)->level(), "x64");
}

TEST(Backend, NamesTheFolderWhenThereIsNoSuchLevel) {
  const auto chosen = Backend::create("z80");
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code, base::ErrorCode::failed_precondition);
  EXPECT_NE(chosen.error().message.find(OPALINE_TEST_MODULES), std::string::npos)
      << chosen.error().message;
}

TEST(BackendProbe, SurvivesAModuleThatCannotBeLoaded) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "libggml-cpu-broken.so";
  EXPECT_NE(probe_backend(file, std::chrono::seconds(5)), "");
  write_file(file, "not a library");
  EXPECT_NE(probe_backend(file, std::chrono::seconds(5)), "");
}

TEST(BackendProbe, DoesNotWaitForEver) {
  const auto module = std::filesystem::path(OPALINE_TEST_MODULES) / "libggml-cpu-x64.so";
  EXPECT_EQ(probe_backend(module, std::chrono::milliseconds(0)), "it did not end in time");
}

}  // namespace
}  // namespace opaline::engine
