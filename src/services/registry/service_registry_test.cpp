#include "services/registry/service_registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.hpp"

namespace opaline::services {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using contract::Health;

class ServiceRegistryTest : public testing::Test {
 protected:
  base::Result<bool> put(std::string_view name, std::string url = "http://h:1/v1/x",
                         std::chrono::seconds lease = 30s, Health health = {}) {
    return registry_.put(name,
                         {.url = std::move(url), .version = "1", .health = health, .lease = lease},
                         {.description = "d", .input_schema = {}, .output_schema = {}});
  }
  std::string next(std::string_view name) {
    const auto turn = registry_.next(name);
    return turn ? turn->url : std::string(base::name(turn.error().code));
  }

  ServiceRegistry::Clock::time_point now_{};
  ServiceRegistry registry_{[this] { return now_; }};
};

TEST_F(ServiceRegistryTest, FindsWhatRegisteredItself) {
  EXPECT_TRUE(put("x").value());
  EXPECT_FALSE(put("x").value()) << "the same again renews the lease";
  ASSERT_EQ(registry_.list().size(), 1U);
  const auto found = registry_.find("x");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->card.description, "d");
  EXPECT_EQ(found->instances.at(0).left, 30s);
  EXPECT_EQ(next("x"), "http://h:1/v1/x");
  EXPECT_EQ(next("y"), "unavailable");
}

TEST_F(ServiceRegistryTest, ForgetsWhoDoesNotComeAgain) {
  ASSERT_TRUE(put("x", "http://h:1/x", 10s));
  now_ += 9s;
  ASSERT_TRUE(put("x", "http://h:1/x", 10s));
  now_ += 9s;
  EXPECT_EQ(next("x"), "http://h:1/x");
  now_ += 1s;
  EXPECT_EQ(next("x"), "unavailable");
  EXPECT_TRUE(registry_.list().empty());
  EXPECT_EQ(registry_.remove("x", "").error().code, ErrorCode::not_found);
}

TEST_F(ServiceRegistryTest, TakesInstancesInTurnAndLeavesOutThoseThatAreNotReady) {
  ASSERT_TRUE(put("x", "http://a/x"));
  ASSERT_TRUE(put("x", "http://b/x", 30s, {.state = Health::State::failed, .reason = "full"}));
  ASSERT_TRUE(put("x", "http://c/x"));
  EXPECT_EQ(next("x"), "http://a/x");
  EXPECT_EQ(next("x"), "http://c/x");
  EXPECT_EQ(next("x"), "http://a/x");
  ASSERT_TRUE(registry_.remove("x", "http://a/x"));
  ASSERT_TRUE(registry_.remove("x", "http://c/x"));
  EXPECT_TRUE(registry_.next("x").error().message.contains("full"));
}

TEST_F(ServiceRegistryTest, RefusesWhatIsNone) {
  EXPECT_EQ(put("").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(put("a b").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(put("x", "not a url").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(put("x", "http://h/x", 0s).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(put("x", "http://h/x", limits::kServiceLease + 1s).error().code,
            ErrorCode::invalid_argument);
}

TEST_F(ServiceRegistryTest, RefusesSocketsOfThisMachine) {
  for (const char* url : {"unix:/run/docker.sock", "UNIX:///run/docker.sock", "unix:/a.sock:/b"}) {
    const auto refused = put("x", url);
    ASSERT_FALSE(refused) << url;
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_TRUE(refused.error().message.contains("field 'url'")) << refused.error().message;
    EXPECT_TRUE(refused.error().message.contains("http://")) << refused.error().message;
  }
  EXPECT_TRUE(put("x", "https://h/v1/x"));
}

TEST_F(ServiceRegistryTest, IsBounded) {
  for (std::size_t i = 0; i < limits::kServiceInstances; ++i) {
    ASSERT_TRUE(put("x", "http://h:" + std::to_string(i + 1) + "/"));
  }
  EXPECT_EQ(put("x", "http://other/").error().code, ErrorCode::resource_exhausted);
  for (std::size_t i = 1; i < limits::kRegisteredServices; ++i) {
    ASSERT_TRUE(put("n" + std::to_string(i)));
  }
  EXPECT_EQ(put("one-more").error().code, ErrorCode::resource_exhausted);
}

TEST_F(ServiceRegistryTest, LeavesOutWhoWasAsked) {
  for (const char* url : {"http://a/x", "http://b/x", "http://c/x"}) ASSERT_TRUE(put("x", url));
  const auto second = registry_.next("x", {"http://a/x"});
  EXPECT_EQ(second.value().url, "http://b/x");
  EXPECT_EQ(second->others, 1U);
  EXPECT_EQ(next("x"), "http://c/x");
  EXPECT_EQ(registry_.next("x", {"http://a/x", "http://b/x"}).value().others, 0U);
  EXPECT_FALSE(registry_.next("x", {"http://a/x", "http://b/x", "http://c/x"}));
}

TEST_F(ServiceRegistryTest, RefusesASchemaThatIsWrong) {
  const boost::json::object wrong{{"properties", {{"n", {{"type", 12}}}}}};
  const ServiceInstance instance{.url = "http://h/x"};
  const auto input = registry_.put("x", instance, {.input_schema = wrong});
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(input.error().message.starts_with("field 'input_schema': /properties/n/type: "))
      << input.error().message;
  const auto output = registry_.put("x", instance, {.output_schema = wrong});
  ASSERT_FALSE(output);
  EXPECT_TRUE(output.error().message.starts_with("field 'output_schema': "));
  EXPECT_TRUE(registry_.list().empty());
}

}  // namespace
}  // namespace opaline::services
