#include "http/target.hpp"

#include <gtest/gtest.h>

#include <string>

namespace opaline::http {
namespace {

TEST(Target, IsDecodedExactlyOnce) {
  const auto target = parse_target("/a%20b/%25%32%35+/%C3%A4?x%3D=a%26b&y=%2B+&z");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a b/%25+/\xC3\xA4");
  using Query = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(target->query, (Query{{"x=", "a&b"}, {"y", "+ "}, {"z", ""}}));
}

TEST(Target, HasNoWayUpHoweverItIsSpelled) {
  for (const std::string& dot : {std::string("."), std::string("%2e"), std::string("%2E")}) {
    for (const std::string& slash : {std::string("/"), std::string("%2f"), std::string("%2F"),
                                     std::string("%5c"), std::string("\\")}) {
      for (const std::string& tail : {std::string(), slash + "x", std::string(";x"),
                                      std::string(";/x"), std::string("%3bx")}) {
        EXPECT_FALSE(parse_target("/a" + slash + dot + dot + tail)) << slash << dot << tail;
        EXPECT_FALSE(parse_target("/a" + slash + dot + tail)) << slash << dot << tail;
        EXPECT_FALSE(parse_target("/" + dot + dot + tail)) << slash << dot << tail;
      }
    }
  }
  EXPECT_TRUE(parse_target("/.../..a/a../.well-known"));
}

}  // namespace
}  // namespace opaline::http
