#include "http/framing_guard.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace opaline::http {
namespace {

using Body = Framing::Body;

std::expected<Framing, Refusal> request(const std::string& fields, int minor_version = 1) {
  const auto head = parse_request_head("POST / HTTP/1." + std::to_string(minor_version) +
                                       "\r\nHost: x\r\n" + fields + "\r\n");
  if (!head) return std::unexpected(head.error());
  return request_framing(*head);
}

std::expected<Framing, Refusal> response(const std::string& line, const std::string& fields,
                                         const char* method = "GET") {
  return response_framing(*parse_response_head(line + "\r\n" + fields + "\r\n"), method);
}

TEST(FramingGuard, DecidesWhereARequestEnds) {
  EXPECT_EQ(*request(""), (Framing{Body::none, 0, true, false}));
  EXPECT_EQ(*request("Content-Length: 0\r\n"), (Framing{Body::none, 0, true, false}));
  EXPECT_EQ(*request("Content-Length: 9223372036854775807\r\n"),
            (Framing{Body::length, 9223372036854775807U, true, false}));
  EXPECT_EQ(*request("transfer-encoding: CHUNKED\r\n"), (Framing{Body::chunked, 0, true, false}));
  EXPECT_EQ(*request("Connection: close\r\n"), (Framing{Body::none, 0, false, false}));
  EXPECT_EQ(*request("Connection: keep-alive\r\nConnection: x, close\r\n"),
            (Framing{Body::none, 0, false, false}));
  EXPECT_EQ(*request("", 0), (Framing{Body::none, 0, false, false}));
  EXPECT_EQ(*request("Connection: Keep-Alive\r\n", 0), (Framing{Body::none, 0, true, false}));
  EXPECT_EQ(*request("Content-Length: 1\r\nExpect: 100-continue\r\n"),
            (Framing{Body::length, 1, true, true}));
  EXPECT_EQ(*request("Expect: 100-continue\r\n"), (Framing{Body::none, 0, true, false}));
  EXPECT_EQ(*request("Content-Length: 1\r\nExpect: nonsense\r\n", 0),
            (Framing{Body::length, 1, false, false}));
}

/// Every spelling of the two framing fields from the lists below, alone and in every pair and
/// order: what is accepted must be one of the few that have one meaning.
TEST(FramingGuard, AcceptsNoAmbiguousCombination) {
  std::vector<std::string> codings = {"chunked", "Chunked"};
  for (const char* bad :
       {"", "gzip", "identity", "chunked, chunked", "chunked, identity", "identity, chunked",
        "chunked,", ",chunked", "xchunked", "chunkedx", "\"chunked\"", "'chunked'", "chunked;",
        "chunked;a=b", "chun\tked", "c hunked", "cow"}) {
    codings.emplace_back(bad);
  }
  for (int byte = 1; byte < 256; ++byte) {
    const auto c = static_cast<char>(byte);
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    codings.push_back(std::string(1, c) + "chunked");
    codings.push_back("chunked" + std::string(1, c));
  }
  const std::vector<std::string> names = {"Transfer-Encoding", "transfer-encoding",
                                          "TRANSFER-ENCODING"};
  int tried = 0;
  for (const std::string& name : names) {
    for (const std::string& coding : codings) {
      const std::string field = name + ": " + coding + "\r\n";
      const bool right = coding == "chunked" || coding == "Chunked";
      EXPECT_EQ(request(field).has_value(), right) << field;
      EXPECT_FALSE(request(field, 0)) << field;
      EXPECT_FALSE(request(field + field)) << field;
      EXPECT_FALSE(request(field + "Transfer-Encoding: chunked\r\n")) << field;
      EXPECT_FALSE(request("Transfer-Encoding: identity\r\n" + field)) << field;
      for (const char* length : {"0", "5", "x", ""}) {
        const std::string other = "Content-Length: " + std::string(length) + "\r\n";
        EXPECT_FALSE(request(field + other)) << field << other;
        EXPECT_FALSE(request(other + field)) << field << other;
        tried += 2;
      }
    }
  }
  EXPECT_GT(tried, 10'000);
}

/// A name that is one byte away from a framing field must be refused or be plainly another field.
TEST(FramingGuard, IsNotFooledByNamesThatLookAlike) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string c(1, static_cast<char>(byte));
    for (const std::string& field :
         {c + "Transfer-Encoding: chunked\r\n", "Transfer-Encoding" + c + ": chunked\r\n",
          "Transfer-Encoding" + c + "chunked\r\n"}) {
      if (c == ":" && field.starts_with('T')) continue;
      const auto framing = request(field);
      if (framing) EXPECT_EQ(framing->body, Body::none) << field;
    }
  }
}

TEST(FramingGuard, DecidesWhereAReplyEnds) {
  const std::string ok = "HTTP/1.1 200 OK";
  EXPECT_EQ(*response(ok, ""), (Framing{Body::until_close, 0, false, false}));
  EXPECT_EQ(*response(ok, "Content-Length: 0\r\n"), (Framing{Body::none, 0, true, false}));
  EXPECT_EQ(*response(ok, "Content-Length: 7\r\n"), (Framing{Body::length, 7, true, false}));
  EXPECT_EQ(*response(ok, "Transfer-Encoding: chunked\r\n"),
            (Framing{Body::chunked, 0, true, false}));
  EXPECT_EQ(*response("HTTP/1.0 200 OK", "Content-Length: 7\r\n"),
            (Framing{Body::length, 7, false, false}));
  EXPECT_EQ(*response(ok, "Content-Length: 7\r\n", "HEAD"), (Framing{Body::none, 0, true, false}));
  EXPECT_EQ(*response(ok, "Transfer-Encoding: chunked\r\n", "HEAD"),
            (Framing{Body::none, 0, true, false}));
  EXPECT_EQ(*response("HTTP/1.1 204 x", ""), (Framing{Body::none, 0, true, false}));
  EXPECT_EQ(*response("HTTP/1.1 304 x", "Content-Length: 7\r\n"),
            (Framing{Body::none, 0, true, false}));
  for (const char* bad : {"Content-Length: 7\r\nContent-Length: 7\r\n",
                          "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n",
                          "Transfer-Encoding: gzip, chunked\r\n", "Content-Length: +7\r\n"}) {
    EXPECT_FALSE(response(ok, bad)) << bad;
  }
}

}  // namespace
}  // namespace opaline::http
