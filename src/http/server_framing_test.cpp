#include <gtest/gtest.h>

#include <atomic>
#include <regex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "http/server_fixture.hpp"

// What a server must refuse, byte by byte, and the unusual that it must not.
namespace opaline::http {
namespace {

using namespace std::string_literals;
using base::Task;
using test::echo;
using test::header;
using test::kGet;
using test::kPost;
using test::Peer;
using test::ServerTest;

TEST_F(ServerTest, AsksForTheBodyOnlyWhenItWillTakeIt) {
  serve(echo, {.limits_for = [](const Request&) { return RequestLimits{.body_bytes = 5}; }});
  Peer peer = connect();
  peer.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("hello");
  EXPECT_TRUE(peer.read_reply().second.ends_with("|hello"));

  peer.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n");
  EXPECT_TRUE(peer.read_until("\r\n\r\n").starts_with("HTTP/1.1 413 "));
}

struct Hostile {
  std::string bytes;
  int status;
};

std::vector<Hostile> hostile_cases() {
  std::vector<Hostile> cases = {
      // Transfer-Encoding together with Content-Length, whatever the order.
      {kPost + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", 400},
      // Anything but exactly one "chunked".
      {kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding:\r\n\r\n", 400},
      // A name that another parser may read as Transfer-Encoding.
      {kPost + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding:\x0b"
               "chunked\r\n\r\n0\r\n\r\n",
       400},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      // Lengths.
      {kPost + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
      {kPost + "Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello", 400},
      // Lines.
      {"GET / HTTP/1.1\nHost: x\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: b\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\n\rX: y\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tfolded\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA(: c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\n\xC3\xA4: c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"s, 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA\0: b\r\n\r\n"s, 400},
      {"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"s, 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: \x7f\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", 400},
      // Hosts.
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"GET http://other/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET http://a@x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      // Targets.
      {"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /\t HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /\xC3\xA4 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET  HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET / \r\nHost: x\r\n\r\n", 400},
      {"GET /\r\n\r\n", 400},
      {"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 405},
      {"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405},
      {"get / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"G=\":<>\" / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {std::string(1024, 'G') + " / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      // Other protocols.
      {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505},
      {"GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505},
      {"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"GET / http/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET / HTTP/1.10\r\nHost: x\r\n\r\n", 400},
      {"GET / HTTP/01.1\r\nHost: x\r\n\r\n", 400},
      {"\x16\x03\x01\x02\x00\x01\x00"s, 400},
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      // Limits.
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
      {"GET /" + std::string(9000, 'a'), 414},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(70000, 'a'), 431},
      // Expectations.
      {kPost + "Content-Length: 5\r\nExpect: 200-maybe\r\n\r\n", 417},
      {kPost + "Content-Length: 5\r\nExpect: 100-continue x\r\n\r\n", 417},
      {kPost + "Content-Length: 5\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n", 400},
      // Two answers to one question.
      {kPost + "Authorization: a\r\nAuthorization: b\r\n\r\n", 400},
      {kPost + "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n", 400},
      // Too large, by its own account.
      {kPost + "Content-Length: 9000000\r\n\r\n", 413},
      {kPost + "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", 413},
  };
  std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 200; ++i) many += "A: b\r\n";
  cases.push_back({many, 431});
  for (const char* coding :
       {"chunked, chunked", "chunked, identity", ",chunked", "chunked,", "xchunked", "\"chunked\"",
        "gzip", "gzip, chunked", "identity", "chunked;q=1", "chun ked", "chunked\x85",
        "\xA0"
        "chunked"}) {
    cases.push_back({kPost + "Transfer-Encoding: " + coding + "\r\n\r\n0\r\n\r\n", 400});
  }
  for (const char* length :
       {"-1", "+5", "0x10", "5_0", "010", "99999999999999999999", "9223372036854775808", "", "5,5",
        "5, 5", "5 5", "5;", "\"5\"", "5.0", "1e3"}) {
    cases.push_back({kPost + "Content-Length: " + length + "\r\n\r\nhello", 400});
  }
  for (const char* host : {"", "a/b", "a@b", "a b", "a,b", "a:b", "a:", "a:123456", "[::1", "[]",
                           "[g::]", "::1", "a?b", "a#b", "\xC3\xA4", "http://x"}) {
    cases.push_back({"GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n", 400});
  }
  for (const char* path :
       {"/..",  "/../x",    "/a/..",     "/a/../b", "/%2e%2e/x", "/%2e%2e%2fx", "/.%2e/x",
        "/./x", "/..;/x",   "/..;a=b/x", "//x",     "/a//b",     "/%2f%2fx",    "/a%2f%2fb",
        "/%00", "/a%0d%0a", "/%7f",      "/%ff",    "/%c0%af",   "/%ed%a0%80",  "/%",
        "/%2",  "/%zz",     "/..%5cx",   "/?%zz",   "/?a=%ff"}) {
    cases.push_back({"GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n", 400});
  }
  for (const char* chunks : {"-1\r\n",
                             "0x5\r\n",
                             " 5\r\n",
                             "5 \r\n",
                             "5_0\r\n",
                             "\r\n",
                             "\n",
                             "5\nhello\r\n",
                             "00000000000000005\r\n",
                             "fffffffffffffffff\r\n",
                             "5\r\nhelloX\r\n",
                             "5\r\nhello\rX",
                             "5\r\nhello\n",
                             "5\r\nhello\r\nXX\r\n",
                             "5\r\nhello\r\n\r\n0\r\n\r\n",
                             "0\r\nX\r\n\r\n",
                             "0\r\n folded: x\r\n\r\n",
                             "0\r\nA: b\n\r\n",
                             "0\r\nA: \x01\r\n\r\n",
                             "0\r\n\rX",
                             "5;a=\x01\r\n",
                             "5;a\rb\r\n",
                             "g\r\n"}) {
    cases.push_back({kPost + "Transfer-Encoding: chunked\r\n\r\n" + chunks, 400});
  }
  cases.push_back({kPost + "Transfer-Encoding: chunked\r\n\r\n5;" + std::string(9000, 'x') +
                       "\r\nhello\r\n0\r\n\r\n",
                   400});
  cases.push_back(
      {kPost + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + std::string(9000, 'x') + "\r\n\r\n",
       400});
  return cases;
}

TEST_F(ServerTest, RefusesHostileFramingAndCloses) {
  std::atomic<int> handled = 0;
  serve([&handled](Request, base::Context) -> Task<Response> {
    ++handled;
    co_return Response::text(200, "");
  });
  for (const Hostile& one : hostile_cases()) {
    Peer peer = connect();
    // What follows must never be taken for a request of its own.
    peer.send(one.bytes + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    peer.shut_sending();
    const std::string reply = peer.read_to_end();
    const std::string shown = one.bytes.substr(0, 200);
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 " + std::to_string(one.status) + " "))
        << shown << "\n---\n"
        << reply;
    EXPECT_FALSE(std::regex_search(reply.substr(1), std::regex("HTTP/1\\.1 [0-9]")))
        << "answered twice: " << shown;
    EXPECT_EQ(header(reply, "Connection"), "close") << shown;
    EXPECT_EQ(header(reply, "Content-Type"), "application/json") << shown;
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(ServerTest, AcceptsTheUnusualButRight) {
  serve(echo);
  const std::pair<std::string, std::string> cases[] = {
      {"\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a|"},
      {"GET http://x:80/a?b HTTP/1.1\r\nHost: X:80\r\n\r\n", "GET /a|b=|"},
      {"GET http://x?b=c HTTP/1.1\r\nHost: x\r\n\r\n", "GET /|b=c|"},
      {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS /|"},
      {"GET /a/ HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "GET /a/|"},
      {"GET /...;x/.a/a..b HTTP/1.1\r\nHost: x\r\n\r\n", "GET /...;x/.a/a..b|"},
      {"GET /a%2Fb+c HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a/b+c|"},
      {"GET /?a=1&a=2&&b=c=d&=e HTTP/1.1\r\nHost: x\r\n\r\n", "GET /|a=1|a=2|b=c=d|=e|"},
      {"GET / HTTP/1.1\r\nHOST: x\r\nA:\r\nB: \t c \t\r\nC: \xC3\xA4\r\n\r\n", "GET /|"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "POST /|"},
      {"POST / HTTP/1.1\r\nHost: x\r\ntransfer-ENCODING: "
       "Chunked\r\n\r\nA\r\n0123456789\r\n00\r\n\r\n",
       "POST /|"},
      {"GET / HTTP/1.0\r\nExpect: 200-maybe\r\nConnection: keep-alive\r\n\r\n", "GET /|"},
  };
  Peer peer = connect();
  for (const auto& [bytes, expected] : cases) {
    peer.send(bytes);
    const auto [head, body] = peer.read_reply();
    EXPECT_TRUE(body.starts_with(expected)) << bytes << head << body;
  }
}

TEST_F(ServerTest, LetsTheOwnerWordRefusals) {
  serve(echo,
        {.refuse = [](unsigned status, const base::Error& error, const std::string& request_id) {
          EXPECT_EQ(error.code, base::ErrorCode::invalid_argument);
          EXPECT_FALSE(request_id.empty());
          return Response::text(status, "own words: " + error.message);
        }});
  EXPECT_NE(exchange("GET / HTTP/1.1\r\n\r\n").find("own words: The Host header is missing."),
            std::string::npos);
}

TEST_F(ServerTest, SurvivesAThrowingOwner) {
  serve(echo,
        {.limits_for = [](const Request&) -> RequestLimits { throw std::runtime_error("limits"); },
         .refuse = [](unsigned, const base::Error&, const std::string&) -> Response {
           throw std::runtime_error("refuse");
         }});
  EXPECT_TRUE(exchange(kGet).starts_with("HTTP/1.1 500 "));
}

}  // namespace
}  // namespace opaline::http
