#include "gateway/authenticator.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/digest.hpp"

namespace opaline::gateway {
namespace {

using base::ErrorCode;

Authenticator with(std::vector<ApiKey> keys) { return Authenticator::create(keys).value(); }

ApiKey hashed(std::string name, std::string_view secret) {
  return {std::move(name), "sha256:" + base::sha256_hex(secret)};
}

http::Headers headers(std::string name, std::string value) {
  http::Headers made;
  made.add(std::move(name), std::move(value));
  return made;
}

TEST(Authenticator, LetsEveryoneInWithoutKeys) {
  const auto open = with({});
  EXPECT_FALSE(open.required());
  EXPECT_EQ(open.principal({}).value(), "anonymous");
  EXPECT_EQ(open.principal(headers("Authorization", "Bearer whatever")).value(), "anonymous");
}

TEST(Authenticator, NamesTheOwnerOfTheKey) {
  const auto keys = with({hashed("alice", "alice-secret"), hashed("bob", "bob-secret")});
  EXPECT_TRUE(keys.required());
  EXPECT_EQ(keys.principal(headers("Authorization", "Bearer bob-secret")).value(), "bob");
  EXPECT_EQ(keys.principal(headers("authorization", "bearer  alice-secret ")).value(), "alice");
  EXPECT_EQ(keys.principal(headers("X-API-Key", "alice-secret")).value(), "alice");
}

TEST(Authenticator, RefusesWithoutSayingWhy) {
  const auto keys = with({hashed("alice", "alice-secret")});
  const auto missing = keys.principal({});
  const auto wrong = keys.principal(headers("Authorization", "Bearer alice-secre"));
  ASSERT_FALSE(missing || wrong);
  EXPECT_EQ(missing.error().code, ErrorCode::unauthenticated);
  EXPECT_EQ(missing.error(), wrong.error());
  for (const char* value : {"", "Bearer", "Bearer ", "Basic YWxpY2U6YWxpY2Utc2VjcmV0",
                            "alice-secret", "Bearer alice-secretx"}) {
    EXPECT_FALSE(keys.principal(headers("Authorization", value))) << value;
  }
}

TEST(Authenticator, DoesNotTakeTheDigestForTheKey) {
  const auto keys = with({hashed("alice", "alice-secret")});
  EXPECT_FALSE(keys.principal(headers("X-API-Key", base::sha256_hex("alice-secret"))));
}

TEST(Authenticator, ReadsSecretsFromEnvironmentAndFiles) {
  ::setenv("OPALINE_TEST_KEY", "from-the-environment", 1);
  const auto folder =
      std::filesystem::temp_directory_path() / ("opaline-key-" + std::to_string(::getpid()));
  std::ofstream(folder) << "from-the-file\nsecond line\n";
  const auto keys = with({{"e", "env:OPALINE_TEST_KEY"}, {"f", "file:" + folder.string()}});
  std::filesystem::remove(folder);
  ::unsetenv("OPALINE_TEST_KEY");
  EXPECT_EQ(keys.principal(headers("X-API-Key", "from-the-environment")).value(), "e");
  EXPECT_EQ(keys.principal(headers("X-API-Key", "from-the-file")).value(), "f");
}

TEST(Authenticator, RefusesReferencesThatLeadNowhere) {
  ::setenv("OPALINE_TEST_SHORT", "short", 1);
  for (const char* reference : {"", "plain-secret-in-a-file", "env:OPALINE_TEST_UNSET",
                                "file:/nonexistent/key", "sha256:12", "env:OPALINE_TEST_SHORT"}) {
    const auto made = Authenticator::create({{"alice", reference}});
    ASSERT_FALSE(made) << reference;
    EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(made.error().message.find("'alice'"), std::string::npos) << made.error().message;
    EXPECT_EQ(made.error().message.find("plain-secret"), std::string::npos);
  }
  ::unsetenv("OPALINE_TEST_SHORT");
}

}  // namespace
}  // namespace opaline::gateway
