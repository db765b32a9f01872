#include "http/server.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/asio/this_coro.hpp>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/event.hpp"
#include "http/test_peer.hpp"

namespace opaline::http {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using base::Task;
using test::Peer;

constexpr auto kPatience = std::chrono::seconds(test::kPatienceSeconds);

/// Repeats the request in the reply's body, so that a test sees what the handler saw.
Task<Response> echo(Request request, base::Context context) {
  std::string body = request.method + " " + request.path;
  for (const auto& [name, value] : request.query) body += "|" + name + "=" + value;
  body += "|" + context.trace.trace_id_hex() + "|" + request.body;
  co_return Response::text(200, std::move(body));
}

/// Sends `pieces`, then ends or fails.
class ListStream final : public BodyStream {
 public:
  ListStream(std::vector<std::string> pieces, std::optional<base::Error> error)
      : pieces_(std::move(pieces)), error_(std::move(error)) {}
  Task<base::Result<std::optional<std::string>>> next() override {
    if (next_ < pieces_.size()) co_return pieces_[next_++];
    if (error_) co_return base::fail(*error_);
    co_return std::nullopt;
  }

 private:
  std::vector<std::string> pieces_;
  std::optional<base::Error> error_;
  std::size_t next_ = 0;
};

/// Counts what is pulled and sees whether it is dropped; never ends by itself.
class EndlessStream final : public BodyStream {
 public:
  EndlessStream(std::string piece, std::atomic<int>& pulled, std::promise<void>& dropped)
      : piece_(std::move(piece)), pulled_(pulled), dropped_(dropped) {}
  ~EndlessStream() override { dropped_.set_value(); }
  Task<base::Result<std::optional<std::string>>> next() override {
    ++pulled_;
    co_return piece_;
  }

 private:
  std::string piece_;
  std::atomic<int>& pulled_;
  std::promise<void>& dropped_;
};

/// Gives nothing until it is cancelled.
class SilentStream final : public BodyStream {
 public:
  SilentStream(std::shared_ptr<base::Cancellation> cancellation, std::promise<void>& dropped)
      : cancellation_(std::move(cancellation)), dropped_(dropped) {}
  ~SilentStream() override { dropped_.set_value(); }
  Task<base::Result<std::optional<std::string>>> next() override {
    co_await base::sleep_for(1h, cancellation_);
    co_return base::fail(base::ErrorCode::cancelled, "cancelled");
  }

 private:
  std::shared_ptr<base::Cancellation> cancellation_;
  std::promise<void>& dropped_;
};

class ServerTest : public testing::Test {
 protected:
  void serve(Handler handler, ServerSettings settings = {}) {
    settings.port = 0;
    if (settings.threads == 0) settings.threads = 1;
    auto created = Server::create(std::move(settings), std::move(handler), metrics_);
    ASSERT_TRUE(created) << created.error().message;
    server_ = *std::move(created);
    server_->start();
  }
  Peer connect() { return Peer::connect(server_->port()); }

  /// What comes back for `bytes` on a fresh connection, until the server closes.
  std::string exchange(std::string_view bytes) {
    Peer peer = connect();
    peer.send(bytes);
    return peer.read_to_end();
  }

  base::MetricRegistry metrics_;
  std::unique_ptr<Server> server_;
};

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

std::string header(std::string_view reply, const std::string& name) {
  std::smatch found;
  const std::string text(reply);
  return std::regex_search(text, found, std::regex("\r\n" + name + ": ([^\r]*)")) ? found[1].str() : "";
}

// ---- The ordinary.

TEST_F(ServerTest, AnswersSeveralRequestsOnOneConnection) {
  serve(echo);
  Peer peer = connect();
  for (int i = 0; i < 3; ++i) {
    peer.send("POST /a%20b?x=1&y=%C3%A4+z HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    const auto [head, body] = peer.read_reply();
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n")) << head;
    EXPECT_EQ(header(head, "Server"), "opaline");
    EXPECT_EQ(header(head, "Date").size(), 29U);
    EXPECT_EQ(header(head, "Connection"), "");
    EXPECT_TRUE(body.starts_with("POST /a b|x=1|y=\xC3\xA4 z|")) << body;
    EXPECT_TRUE(body.ends_with("|hello")) << body;
  }
}

TEST_F(ServerTest, ReadsARequestThatComesByteByByte) {
  serve(echo);
  Peer peer = connect();
  for (const char byte : std::string_view("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                          "3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: y\r\n\r\n")) {
    peer.send({&byte, 1});
  }
  EXPECT_TRUE(peer.read_reply().second.ends_with("|abcde"));
  peer.send(kGet);
  EXPECT_TRUE(peer.read_reply().second.starts_with("GET /|"));
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrderThenRefusesTheBadOne) {
  serve([](Request request, base::Context context) -> Task<Response> {
    // The first is the slowest: order is kept all the same.
    if (request.path == "/0") co_await base::sleep_for(20ms, context.cancellation);
    co_return Response::text(200, request.path);
  });
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  Peer peer = connect();
  peer.send(requests + "GARBAGE\r\n\r\n");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(peer.read_reply().second, "/" + std::to_string(i));
  EXPECT_TRUE(peer.read_to_end().starts_with("HTTP/1.1 400 "));
}

TEST_F(ServerTest, CarriesLargeBodiesBothWays) {
  serve([](Request request, base::Context) -> Task<Response> {
    co_return Response::text(200, std::move(request.body));
  }, {.limits_for = [](const Request&) { return RequestLimits{.body_bytes = 16UL << 20}; }});
  std::string body(8 << 20, 'x');
  std::mt19937 random(7);
  for (std::size_t i = 0; i < body.size(); i += 997) body[i] = static_cast<char>(random());
  Peer peer = connect();
  std::thread sender([&] {
    peer.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
    peer.send(body);
  });
  sender.join();
  EXPECT_TRUE(peer.read_reply().second == body);
}

TEST_F(ServerTest, StreamsPiecesAsChunks) {
  serve([](Request, base::Context) -> Task<Response> {
    Response response;
    response.stream = std::make_unique<ListStream>(std::vector<std::string>{"one", "two", std::string(300, 'x')}, std::nullopt);
    co_return response;
  });
  Peer peer = connect();
  for (int i = 0; i < 2; ++i) {
    peer.send(kGet);
    const std::string head = peer.read_until("\r\n\r\n");
    EXPECT_EQ(header(head, "Transfer-Encoding"), "chunked");
    EXPECT_EQ(header(head, "Content-Length"), "");
    EXPECT_EQ(peer.read_until("0\r\n\r\n"), "3\r\none\r\n3\r\ntwo\r\n12c\r\n" + std::string(300, 'x') + "\r\n0\r\n\r\n");
  }
}

TEST_F(ServerTest, EndsABrokenStreamWithoutTheFinalChunk) {
  serve([](Request, base::Context) -> Task<Response> {
    Response response;
    response.stream = std::make_unique<ListStream>(std::vector<std::string>{"one"},
                                                   base::Error{base::ErrorCode::unavailable, "gone", {}});
    co_return response;
  });
  EXPECT_TRUE(exchange(kGet).ends_with("\r\n\r\n3\r\none\r\n"));
}

TEST_F(ServerTest, SpeaksHttp10) {
  serve([](Request request, base::Context) -> Task<Response> {
    Response response = Response::text(200, "body");
    if (request.path == "/stream") {
      response.stream = std::make_unique<ListStream>(std::vector<std::string>{"one", "two"}, std::nullopt);
    }
    co_return response;
  });
  const std::string closed = exchange("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(closed.starts_with("HTTP/1.0 200 ")) << closed;
  EXPECT_TRUE(closed.ends_with("\r\n\r\nbody"));
  EXPECT_TRUE(exchange("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").ends_with("\r\n\r\nonetwo"));

  Peer kept = connect();
  kept.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(header(kept.read_reply().first, "Connection"), "keep-alive");
  kept.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(header(kept.read_to_end(), "Connection"), "close");
}

TEST_F(ServerTest, ClosesWhenAskedTo) {
  serve(echo);
  EXPECT_EQ(header(exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n"), "Connection"), "close");
}

TEST_F(ServerTest, AnswersHeadWithoutABody) {
  serve([](Request request, base::Context) -> Task<Response> {
    Response response = Response::text(200, "body");
    if (request.path == "/stream") {
      response.stream = std::make_unique<ListStream>(std::vector<std::string>{"one"}, std::nullopt);
    }
    co_return response;
  });
  Peer peer = connect();
  peer.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(header(peer.read_until("\r\n\r\n"), "Content-Length"), "4");
  EXPECT_EQ(header(peer.read_until("\r\n\r\n"), "Transfer-Encoding"), "chunked");
  EXPECT_EQ(peer.read_reply().second, "body");
}

TEST_F(ServerTest, SendsNoBodyWithStatusesThatHaveNone) {
  serve([](Request request, base::Context) -> Task<Response> {
    co_return Response::text(request.path == "/204" ? 204 : 304, "must not be seen");
  });
  Peer peer = connect();
  for (const std::string path : {"/204", "/304"}) {
    peer.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string head = peer.read_until("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 " + path.substr(1))) << head;
    EXPECT_EQ(header(head, "Content-Length"), "");
  }
}

TEST_F(ServerTest, OnlyFramesByItself) {
  serve([](Request, base::Context) -> Task<Response> {
    Response response = Response::text(200, "body");
    response.headers.add("content-length", "99");
    response.headers.add("Transfer-Encoding", "chunked");
    response.headers.add("connection", "close");
    response.headers.add("X-Own", "kept");
    co_return response;
  });
  Peer peer = connect();
  peer.send(kGet);
  const auto [head, body] = peer.read_reply();
  EXPECT_EQ(body, "body");
  EXPECT_EQ(header(head, "Transfer-Encoding"), "");
  EXPECT_EQ(header(head, "connection"), "");
  EXPECT_EQ(header(head, "X-Own"), "kept");
}

TEST_F(ServerTest, SendsNoHeaderThatWouldSplitTheReply) {
  serve([](Request, base::Context) -> Task<Response> {
    Response response = Response::text(200, "body");
    response.headers.add("X-Own", std::string("a\r\nSet-Cookie: x"));
    co_return response;
  });
  Peer peer = connect();
  peer.send(kGet);
  const auto [head, body] = peer.read_reply();
  EXPECT_TRUE(head.starts_with("HTTP/1.1 500 ")) << head;
  EXPECT_EQ(head.find("Set-Cookie"), head.npos);
}

TEST_F(ServerTest, OutlivesAHandlerThatThrows) {
  serve([](Request request, base::Context) -> Task<Response> {
    if (request.path == "/int") throw 7;
    if (request.path == "/throw") throw std::runtime_error("secret");
    co_return Response::text(200, "fine");
  });
  Peer peer = connect();
  for (const std::string path : {"/throw", "/int"}) {
    peer.send("GET " + path + " HTTP/1.1\r\nHost: x\r\nX-Request-Id: r1\r\n\r\n");
    const auto [head, body] = peer.read_reply();
    EXPECT_TRUE(head.starts_with("HTTP/1.1 500 Internal Server Error\r\n")) << head;
    EXPECT_NE(body.find(R"("code":"internal")"), body.npos) << body;
    EXPECT_NE(body.find(R"("request_id":"r1")"), body.npos) << body;
    EXPECT_EQ(body.find("secret"), body.npos);
  }
  peer.send(kGet);
  EXPECT_EQ(peer.read_reply().second, "fine");
}

TEST_F(ServerTest, EchoesAGoodRequestIdAndReplacesABadOne) {
  serve([](Request, base::Context context) -> Task<Response> { co_return Response::text(200, context.request_id); });
  Peer peer = connect();
  const auto ask = [&peer](const std::string& id) {
    peer.send("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: " + id + "\r\n\r\n");
    const auto [head, body] = peer.read_reply();
    EXPECT_EQ(header(head, "X-Request-Id"), body);
    return body;
  };
  EXPECT_EQ(ask("My_id-1.2"), "My_id-1.2");
  EXPECT_EQ(ask(std::string(128, 'a')), std::string(128, 'a'));
  for (const std::string& bad : {std::string("a b"), std::string("\"<x>"), std::string(129, 'a'), std::string(), std::string("\xC3\xA4")}) {
    EXPECT_TRUE(std::regex_match(ask(bad), std::regex("[0-9a-f]{32}"))) << bad;
  }
}

TEST_F(ServerTest, ContinuesTheClientsTraceOrStartsOne) {
  serve(echo);
  Peer peer = connect();
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  peer.send("GET / HTTP/1.1\r\nHost: x\r\ntraceparent: 00-" + trace + "-b7ad6b7169203331-01\r\n\r\n");
  EXPECT_NE(peer.read_reply().second.find(trace), std::string::npos);
  peer.send("GET / HTTP/1.1\r\nHost: x\r\ntraceparent: 00-" + std::string(32, '0') + "-b7ad6b7169203331-01\r\n\r\n");
  EXPECT_TRUE(std::regex_search(peer.read_reply().second, std::regex("\\|(?!0{32})[0-9a-f]{32}\\|")));
}

TEST_F(ServerTest, GivesTheContextTheRoutesDeadline) {
  serve([](Request, base::Context context) -> Task<Response> {
    EXPECT_LE(context.remaining(), 7s);
    EXPECT_GT(context.remaining(), 5s);
    co_return Response::text(200, "");
  }, {.limits_for = [](const Request& request) {
    EXPECT_EQ(request.path, "/route");
    EXPECT_EQ(request.headers.get("x-key"), "k");
    return RequestLimits{.time = 7s};
  }});
  Peer peer = connect();
  peer.send("GET /route HTTP/1.1\r\nHost: x\r\nX-Key: k\r\n\r\n");
  peer.read_reply();
}

TEST_F(ServerTest, CountsRequestsAndConnections) {
  serve([](Request request, base::Context) -> Task<Response> {
    co_return Response::text(request.path == "/missing" ? 404 : 200, "");
  });
  auto& open = metrics_.gauge("http_connections", "");
  {
    Peer peer = connect();
    peer.send(kGet);
    peer.read_reply();
    peer.send("PURGE /missing HTTP/1.1\r\nHost: x\r\n\r\n");
    peer.read_reply();
    EXPECT_EQ(open.value(), 1);
    exchange("@");
  }
  server_->stop(1s);
  const auto count = [this](const char* method, const char* status) {
    return metrics_.counter("http_requests_total", "", {{"method", method}, {"status", status}}).value();
  };
  EXPECT_EQ(count("GET", "2xx"), 1);
  EXPECT_EQ(count("other", "4xx"), 2);
  EXPECT_EQ(open.value(), 0);
}

// ---- Expect: 100-continue.

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

// ---- Hostile framing.

struct Hostile {
  std::string bytes;
  int status;
};

const std::string kPost = "POST / HTTP/1.1\r\nHost: x\r\n";

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
      {kPost + "Transfer-Encoding:\x0b" "chunked\r\n\r\n0\r\n\r\n", 400},
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
  for (const char* coding : {"chunked, chunked", "chunked, identity", ",chunked", "chunked,", "xchunked", "\"chunked\"", "gzip",
                             "gzip, chunked", "identity", "chunked;q=1", "chun ked", "chunked\x85", "\xA0" "chunked"}) {
    cases.push_back({kPost + "Transfer-Encoding: " + coding + "\r\n\r\n0\r\n\r\n", 400});
  }
  for (const char* length : {"-1", "+5", "0x10", "5_0", "010", "99999999999999999999", "9223372036854775808", "", "5,5", "5, 5", "5 5",
                             "5;", "\"5\"", "5.0", "1e3"}) {
    cases.push_back({kPost + "Content-Length: " + length + "\r\n\r\nhello", 400});
  }
  for (const char* host : {"", "a/b", "a@b", "a b", "a,b", "a:b", "a:", "a:123456", "[::1", "[]", "[g::]", "::1", "a?b", "a#b", "\xC3\xA4",
                           "http://x"}) {
    cases.push_back({"GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n", 400});
  }
  for (const char* path : {"/..", "/../x", "/a/..", "/a/../b", "/%2e%2e/x", "/%2e%2e%2fx", "/.%2e/x", "/./x", "/..;/x", "/..;a=b/x", "//x",
                           "/a//b", "/%2f%2fx", "/a%2f%2fb", "/%00", "/a%0d%0a", "/%7f", "/%ff", "/%c0%af", "/%ed%a0%80", "/%", "/%2",
                           "/%zz", "/..%5cx", "/?%zz", "/?a=%ff"}) {
    cases.push_back({"GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n", 400});
  }
  for (const char* chunks : {"-1\r\n", "0x5\r\n", " 5\r\n", "5 \r\n", "5_0\r\n", "\r\n", "\n", "5\nhello\r\n", "00000000000000005\r\n",
                             "fffffffffffffffff\r\n", "5\r\nhelloX\r\n", "5\r\nhello\rX", "5\r\nhello\n", "5\r\nhello\r\nXX\r\n",
                             "5\r\nhello\r\n\r\n0\r\n\r\n", "0\r\nX\r\n\r\n", "0\r\n folded: x\r\n\r\n", "0\r\nA: b\n\r\n", "0\r\nA: \x01\r\n\r\n",
                             "0\r\n\rX", "5;a=\x01\r\n", "5;a\rb\r\n", "g\r\n"}) {
    cases.push_back({kPost + "Transfer-Encoding: chunked\r\n\r\n" + chunks, 400});
  }
  cases.push_back({kPost + "Transfer-Encoding: chunked\r\n\r\n5;" + std::string(9000, 'x') + "\r\nhello\r\n0\r\n\r\n", 400});
  cases.push_back({kPost + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + std::string(9000, 'x') + "\r\n\r\n", 400});
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
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 " + std::to_string(one.status) + " ")) << shown << "\n---\n" << reply;
    EXPECT_FALSE(std::regex_search(reply.substr(1), std::regex("HTTP/1\\.1 [0-9]"))) << "answered twice: " << shown;
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
      {"POST / HTTP/1.1\r\nHost: x\r\ntransfer-ENCODING: Chunked\r\n\r\nA\r\n0123456789\r\n00\r\n\r\n", "POST /|"},
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
  serve(echo, {.refuse = [](unsigned status, const base::Error& error, const std::string& request_id) {
    EXPECT_EQ(error.code, base::ErrorCode::invalid_argument);
    EXPECT_FALSE(request_id.empty());
    return Response::text(status, "own words: " + error.message);
  }});
  EXPECT_NE(exchange("GET / HTTP/1.1\r\n\r\n").find("own words: The Host header is missing."), std::string::npos);
}

TEST_F(ServerTest, SurvivesAThrowingOwner) {
  serve(echo, {.limits_for = [](const Request&) -> RequestLimits { throw std::runtime_error("limits"); },
               .refuse = [](unsigned, const base::Error&, const std::string&) -> Response {
                 throw std::runtime_error("refuse");
               }});
  EXPECT_TRUE(exchange(kGet).starts_with("HTTP/1.1 500 "));
}

// ---- Slow and leaving clients.

ServerSettings impatient() {
  ServerSettings settings;
  settings.times = {.header = 60ms, .body = 150ms, .body_idle = 60ms, .idle = 60ms, .write = 100ms, .linger = 200ms};
  return settings;
}

TEST_F(ServerTest, GivesUpOnASlowHeader) {
  serve(echo, impatient());
  EXPECT_TRUE(exchange("GET / HTTP/1.1\r\nHost").starts_with("HTTP/1.1 408 "));
}

TEST_F(ServerTest, GivesUpOnASlowBody) {
  serve(echo, impatient());
  EXPECT_TRUE(exchange(kPost + "Content-Length: 5\r\n\r\nhel").starts_with("HTTP/1.1 408 "));
}

TEST_F(ServerTest, GivesUpOnABodyThatTricklesInForEver) {
  serve(echo, impatient());
  Peer peer = connect();
  peer.send(kPost + "Content-Length: 1000\r\n\r\n");
  // Never idle for long, and never done.
  int sent = 0;
  while (!peer.readable(10ms) && sent < 500) {
    peer.send("x");
    ++sent;
  }
  EXPECT_LT(sent, 500);
  EXPECT_TRUE(peer.read_to_end().starts_with("HTTP/1.1 408 "));
}

TEST_F(ServerTest, ClosesAnIdleConnectionWithoutAWord) {
  serve(echo, impatient());
  EXPECT_EQ(exchange(""), "");
  Peer peer = connect();
  peer.send(kGet);
  peer.read_reply();
  EXPECT_EQ(peer.read_to_end(), "");
}

TEST_F(ServerTest, LetsTheClientSeeARefusalThoughItStillSends) {
  serve(echo);
  Peer peer = connect();
  peer.send(kPost + "Content-Length: 9000000\r\n\r\n");
  for (int i = 0; i < 100; ++i) peer.send(std::string(4096, 'x'));
  EXPECT_TRUE(peer.read_reply().first.starts_with("HTTP/1.1 413 "));
}

TEST_F(ServerTest, CancelsTheHandlerWhenTheClientLeaves) {
  for (const bool reset : {false, true}) {
    std::promise<void> started;
    std::promise<void> cancelled;
    serve([&](Request, base::Context context) -> Task<Response> {
      started.set_value();
      co_await base::sleep_for(1h, context.cancellation);
      EXPECT_TRUE(context.cancelled());
      cancelled.set_value();
      co_return Response::text(200, "");
    });
    Peer peer = connect();
    peer.send(kGet);
    started.get_future().wait();
    reset ? peer.reset() : peer.close();
    EXPECT_EQ(cancelled.get_future().wait_for(kPatience), std::future_status::ready);
    server_->stop(1s);
  }
}

TEST_F(ServerTest, SeesTheClientLeaveThoughItPipelined) {
  std::promise<void> started;
  std::promise<void> cancelled;
  serve([&](Request request, base::Context context) -> Task<Response> {
    if (request.path == "/slow") {
      started.set_value();
      co_await base::sleep_for(1h, context.cancellation);
      cancelled.set_value();
    }
    co_return Response::text(200, "");
  });
  Peer peer = connect();
  peer.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /" + std::string(8000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n");
  started.get_future().wait();
  peer.close();
  EXPECT_EQ(cancelled.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST_F(ServerTest, CancelsTheHandlerAtItsDeadlineAndSendsItsAnswer) {
  serve([](Request, base::Context context) -> Task<Response> {
    co_await base::sleep_for(1h, context.cancellation);
    EXPECT_TRUE(context.expired());
    co_return Response::text(504, "late");
  }, {.limits_for = [](const Request&) { return RequestLimits{.time = 30ms}; }});
  Peer peer = connect();
  peer.send(kGet);
  EXPECT_EQ(peer.read_reply().second, "late");
  peer.send(kGet);
  EXPECT_EQ(peer.read_reply().second, "late");
}

TEST_F(ServerTest, StopsAStreamWhenTheClientLeaves) {
  std::promise<void> dropped;
  serve([&](Request, base::Context context) -> Task<Response> {
    Response response;
    response.stream = std::make_unique<SilentStream>(context.cancellation, dropped);
    co_return response;
  });
  Peer peer = connect();
  peer.send(kGet);
  peer.read_until("\r\n\r\n");
  peer.close();
  EXPECT_EQ(dropped.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST_F(ServerTest, PullsNothingWhileTheClientDoesNotReadAndThenGivesItUp) {
  std::atomic<int> pulled = 0;
  std::promise<void> dropped;
  ServerSettings settings = impatient();
  serve([&](Request, base::Context) -> Task<Response> {
    Response response;
    response.stream = std::make_unique<EndlessStream>(std::string(64 * 1024, 'x'), pulled, dropped);
    co_return response;
  }, settings);
  Peer peer = Peer::connect(server_->port(), 4096);
  peer.send(kGet);
  EXPECT_EQ(dropped.get_future().wait_for(kPatience), std::future_status::ready);
  // What the kernel's buffers on both sides hold, and not more.
  EXPECT_LT(pulled, 200);
}

// ---- Limits of the server itself.

TEST_F(ServerTest, TellsTheConnectionTooMany) {
  ServerSettings settings;
  settings.connections = 2;
  serve(echo, settings);
  Peer first = connect();
  Peer second = connect();
  first.send(kGet);
  first.read_reply();
  second.send(kGet);
  second.read_reply();
  EXPECT_TRUE(exchange(kGet).starts_with("HTTP/1.1 503 "));
  first.close();
  // Its place is free as soon as the server has seen it go.
  for (int attempt = 0; attempt < 500; ++attempt) {
    Peer next = connect();
    next.send(kGet);
    if (next.read_until("\r\n\r\n").starts_with("HTTP/1.1 200 ")) return;
  }
  ADD_FAILURE() << "the place was not given back";
}

TEST_F(ServerTest, SpreadsConnectionsOverItsThreads) {
  ServerSettings settings;
  settings.threads = 2;
  std::mutex mutex;
  std::set<std::thread::id> threads;
  serve([&](Request, base::Context) -> Task<Response> {
    std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
    co_return Response::text(200, "");
  }, settings);
  std::vector<Peer> peers;
  for (int i = 0; i < 64; ++i) {
    peers.push_back(connect());
    peers.back().send(kGet);
    peers.back().read_reply();
  }
  EXPECT_EQ(threads.size(), 2U);
}

// ---- Start and stop.

TEST_F(ServerTest, LetsARequestEndWhenStopped) {
  std::promise<void> started;
  serve([&](Request, base::Context context) -> Task<Response> {
    started.set_value();
    co_await base::sleep_for(50ms, context.cancellation);
    EXPECT_FALSE(context.cancelled());
    co_return Response::text(200, "done");
  });
  Peer idle = connect();
  Peer peer = connect();
  peer.send(kGet);
  started.get_future().wait();
  server_->stop(5s);
  const auto [head, body] = peer.read_reply();
  EXPECT_EQ(body, "done");
  EXPECT_EQ(header(head, "Connection"), "close");
  EXPECT_EQ(idle.read_to_end(), "");
}

TEST_F(ServerTest, CancelsARequestThatOutlivesTheGrace) {
  std::promise<void> started;
  bool cancelled = false;
  serve([&](Request, base::Context context) -> Task<Response> {
    started.set_value();
    co_await base::sleep_for(1h, context.cancellation);
    cancelled = context.cancelled();
    co_return Response::text(200, "");
  });
  Peer peer = connect();
  peer.send(kGet);
  started.get_future().wait();
  server_->stop(20ms);
  EXPECT_TRUE(cancelled);
  server_->stop(20ms);
}

TEST_F(ServerTest, NeedNotBeStarted) {
  auto created = Server::create({.port = 0, .threads = 2}, echo, metrics_);
  ASSERT_TRUE(created);
  (*created)->stop(1s);
}

TEST_F(ServerTest, NamesAPortThatIsTaken) {
  serve(echo);
  ServerSettings settings;
  settings.port = server_->port();
  settings.threads = 2;
  const auto second = Server::create(settings, echo, metrics_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::ErrorCode::failed_precondition);
  EXPECT_NE(second.error().message.find(std::to_string(settings.port)), std::string::npos) << second.error().message;
  EXPECT_NE(second.error().message.find("already in use"), std::string::npos) << second.error().message;
}

TEST_F(ServerTest, NamesAnAddressThatIsNotOurs) {
  for (const char* host : {"192.0.2.1", "no such host"}) {
    const auto created = Server::create({.host = host, .port = 0, .threads = 1}, echo, metrics_);
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().code, base::ErrorCode::failed_precondition);
    EXPECT_NE(created.error().message.find(host), std::string::npos) << created.error().message;
  }
}

TEST_F(ServerTest, ListensOnAUnixSocketThatOnlyItsOwnerMayUse) {
  const auto folder = std::filesystem::temp_directory_path() / ("opaline-http-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string path = folder / "server.sock";
  ServerSettings settings;
  settings.unix_socket = path;
  settings.threads = 2;
  serve([](Request request, base::Context) -> Task<Response> { co_return Response::text(200, request.peer); }, settings);
  struct stat found{};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
  for (int i = 0; i < 4; ++i) {
    Peer peer = Peer::connect_unix(path);
    peer.send(kGet);
    EXPECT_EQ(peer.read_reply().second, "unix");
  }
  const auto second = Server::create(settings, echo, metrics_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::ErrorCode::failed_precondition);
  server_->stop(1s);
  EXPECT_FALSE(std::filesystem::exists(path));

  // A path left behind by a server that died is taken over.
  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  ASSERT_EQ(::bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(stale);
  EXPECT_TRUE(Server::create(settings, echo, metrics_));

  settings.unix_socket = folder / "missing" / "server.sock";
  EXPECT_EQ(Server::create(settings, echo, metrics_).error().code, base::ErrorCode::failed_precondition);
  settings.unix_socket = "/" + std::string(200, 'x');
  EXPECT_EQ(Server::create(settings, echo, metrics_).error().code, base::ErrorCode::failed_precondition);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace opaline::http
