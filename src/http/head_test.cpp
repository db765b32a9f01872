#include "http/head.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/limits.hpp"

namespace opaline::http {
namespace {

using Kind = HeadScanner::Kind;

TEST(HeadScanner, FindsTheEndHoweverTheHeadIsCut) {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\nbody\r\n\r\n";
  const std::size_t head = bytes.find("body");
  for (std::size_t first = 0; first < head; ++first) {
    HeadScanner scanner(Kind::request);
    EXPECT_EQ(*scanner.scan(bytes.substr(0, first)), std::nullopt) << first;
    EXPECT_EQ(*scanner.scan(bytes), head) << first;
  }
}

TEST(HeadScanner, RefusesAtTheFirstByteThatIsWrong) {
  const std::pair<std::string, unsigned> cases[] = {{"\x16", 400},
                                                    {" ", 400},
                                                    {"GET / HTTP/1.1\n", 400},
                                                    {"GET / HTTP/2.0\r\n", 505},
                                                    {"GET / FTP\r\n", 400},
                                                    {"\n", 400},
                                                    {"GET / HTTP/1.1\r\nA: b\n", 400}};
  for (const auto& [bytes, status] : cases) {
    HeadScanner scanner(Kind::request);
    for (std::size_t size = 1; size < bytes.size(); ++size)
      ASSERT_TRUE(scanner.scan(bytes.substr(0, size))) << bytes;
    const auto refused = scanner.scan(bytes);
    ASSERT_FALSE(refused) << bytes;
    EXPECT_EQ(refused.error().status, status) << bytes;
  }
}

TEST(HeadScanner, HoldsItsLimitsExactly) {
  const std::string start = "GET / HTTP/1.1\r\n";
  std::string fields;
  for (std::size_t i = 0; i < limits::kHeaderCount; ++i) fields += "A: b\r\n";
  EXPECT_TRUE(HeadScanner(Kind::request).scan(start + fields + "\r\n"));
  EXPECT_EQ(HeadScanner(Kind::request).scan(start + fields + "A: b\r\n").error().status, 431U);

  const std::string large =
      start + "A: " + std::string(limits::kHeaderBytes - start.size() - 7, 'x') + "\r\n\r\n";
  ASSERT_EQ(large.size(), limits::kHeaderBytes);
  EXPECT_TRUE(HeadScanner(Kind::request).scan(large));
  EXPECT_EQ(HeadScanner(Kind::request)
                .scan(start + "A: x" + large.substr(start.size() + 3))
                .error()
                .status,
            431U);
  // Long lines are the target's business in requests only.
  EXPECT_TRUE(HeadScanner(Kind::response).scan("HTTP/1.1 200 " + std::string(20'000, 'x')));
}

TEST(RequestHead, KeepsFieldsInOrderAndTrimsThem) {
  const auto head = parse_request_head("GET /a?b HTTP/1.0\r\nB: \t 1 2 \t\r\nA:\r\nb:3\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->method, "GET");
  EXPECT_EQ(head->target, "/a?b");
  EXPECT_EQ(head->minor_version, 0);
  using Fields = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(head->headers.fields(), (Fields{{"B", "1 2"}, {"A", ""}, {"b", "3"}}));
  EXPECT_EQ(head->headers.get("b"), "1 2");
}

TEST(ResponseHead, ReadsTheStatusLine) {
  const auto head = parse_response_head("HTTP/1.1 503 Service \xC3\xA4\r\nA: b\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 503U);
  EXPECT_EQ(head->headers.get("a"), "b");
  for (const char* line : {"", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 2x0",
                           "HTTP/1.1 200OK", "HTTP/1.1 099", "HTTP/1.1 600", "HTTP/1.1\t200",
                           "HTTP/1.1 200 \x01", "HTTP/1.2 200", "http/1.1 200", "ICY 200 OK"}) {
    EXPECT_FALSE(parse_response_head(std::string(line) + "\r\n\r\n")) << line;
  }
}

TEST(Headers, SetReplacesEveryFieldOfTheName) {
  Headers headers;
  headers.add("A", "1");
  headers.add("B", "2");
  headers.add("a", "3");
  headers.set("A", "4");
  EXPECT_EQ(headers.fields().size(), 2U);
  EXPECT_EQ(headers.get("a"), "4");
  EXPECT_EQ(headers.find("c"), std::nullopt);
  EXPECT_EQ(headers.get("c"), "");
}

}  // namespace
}  // namespace opaline::http
