#include "gateway/origin_policy.hpp"

#include <gtest/gtest.h>

namespace opaline::gateway {
namespace {

http::Request request(std::string method, std::string host, std::string origin = "") {
  http::Request made;
  made.method = std::move(method);
  made.path = "/rag";
  made.peer = "127.0.0.1:1";
  made.headers.add("Host", std::move(host));
  if (!origin.empty()) made.headers.add("Origin", std::move(origin));
  return made;
}

TEST(OriginPolicy, LetsOurOwnPagesAndOtherProgramsIn) {
  const OriginPolicy policy({}, {});
  EXPECT_TRUE(policy.check(request("POST", "localhost:8080")));
  EXPECT_TRUE(policy.check(request("POST", "localhost:8080", "http://localhost:8080")));
  EXPECT_TRUE(policy.check(request("POST", "Example.org", "https://example.org")));
  EXPECT_TRUE(policy.check(request("POST", "example.org", "http://example.org:80")));
}

TEST(OriginPolicy, RefusesForeignPages) {
  const OriginPolicy policy({}, {});
  for (const char* origin : {"http://evil.example", "http://localhost:9999", "null",
                             "http://localhost:8080.evil.example"}) {
    const auto checked = policy.check(request("POST", "localhost:8080", origin));
    ASSERT_FALSE(checked) << origin;
    EXPECT_EQ(checked.error().code, base::ErrorCode::permission_denied);
  }
  auto posted = request("POST", "localhost:8080");
  posted.headers.add("Sec-Fetch-Site", "cross-site");
  EXPECT_FALSE(policy.check(posted));
}

TEST(OriginPolicy, FollowsALinkFromAnywhere) {
  auto link = request("GET", "localhost:8080");
  link.headers.add("Sec-Fetch-Site", "cross-site");
  EXPECT_TRUE(OriginPolicy({}, {}).check(link));
}

TEST(OriginPolicy, LetsListedOriginsInAndTellsThem) {
  const OriginPolicy policy({"https://app.example.org"}, {});
  const auto asked = request("POST", "api.example.org", "https://App.example.org");
  EXPECT_TRUE(policy.check(asked));
  http::Response reply;
  policy.permit("https://app.example.org", reply);
  EXPECT_EQ(reply.headers.get("Access-Control-Allow-Origin"), "https://app.example.org");
  EXPECT_EQ(reply.headers.get("Vary"), "Origin");
  http::Response other;
  policy.permit("https://evil.example", other);
  EXPECT_FALSE(other.headers.find("Access-Control-Allow-Origin"));
  EXPECT_EQ(other.headers.get("Vary"), "Origin");
}

TEST(OriginPolicy, SaysNothingOfOriginsByDefault) {
  http::Response reply;
  OriginPolicy({}, {}).permit("https://app.example.org", reply);
  EXPECT_TRUE(reply.headers.fields().empty());
}

TEST(OriginPolicy, AnswersAPreflight) {
  const OriginPolicy policy({"*"}, {});
  const auto reply = policy.preflight(request("OPTIONS", "a", "https://any.example"), "POST");
  EXPECT_EQ(reply.status, 204u);
  EXPECT_EQ(reply.headers.get("Allow"), "POST, OPTIONS");
  EXPECT_EQ(reply.headers.get("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(reply.headers.get("Access-Control-Allow-Methods"), "POST");
  for (const char* header : {"Authorization", "X-Request-Deadline-Ms"})
    EXPECT_TRUE(reply.headers.get("Access-Control-Allow-Headers").contains(header)) << header;
  EXPECT_FALSE(OriginPolicy({}, {})
                   .preflight(request("OPTIONS", "a", "https://any.example"), "POST")
                   .headers.find("Access-Control-Allow-Methods"));
}

TEST(OriginPolicy, RefusesHostNamesThatAreNotOurs) {
  const OriginPolicy policy({}, {"localhost", "127.0.0.1", "[::1]"});
  EXPECT_TRUE(policy.check(request("POST", "localhost:8080")));
  EXPECT_TRUE(policy.check(request("POST", "[::1]:8080")));
  // A foreign name that points here: its page would be of the same origin.
  EXPECT_FALSE(policy.check(request("POST", "evil.example:8080", "http://evil.example:8080")));
  auto child = request("POST", "whatever");
  child.peer = "unix";
  EXPECT_TRUE(policy.check(child));
}

}  // namespace
}  // namespace opaline::gateway
