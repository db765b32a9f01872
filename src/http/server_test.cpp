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
#include "http/server_fixture.hpp"

namespace opaline::http {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using base::Task;
using test::echo;
using test::header;
using test::kGet;
using test::kPost;
using test::Peer;
using test::ServerTest;

constexpr auto kPatience = std::chrono::seconds(test::kPatienceSeconds);

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
  for (const char byte :
       std::string_view("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
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
  for (int i = 0; i < 100; ++i)
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  Peer peer = connect();
  peer.send(requests + "GARBAGE\r\n\r\n");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(peer.read_reply().second, "/" + std::to_string(i));
  EXPECT_TRUE(peer.read_to_end().starts_with("HTTP/1.1 400 "));
}

TEST_F(ServerTest, CarriesLargeBodiesBothWays) {
  serve(
      [](Request request, base::Context) -> Task<Response> {
        co_return Response::text(200, std::move(request.body));
      },
      {.limits_for = [](const Request&) { return RequestLimits{.body_bytes = 16UL << 20}; }});
  std::string body(8 << 20, 'x');
  std::mt19937 random(7);
  for (std::size_t i = 0; i < body.size(); i += 997) body[i] = static_cast<char>(random());
  Peer peer = connect();
  std::thread sender([&] {
    peer.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n");
    peer.send(body);
  });
  sender.join();
  EXPECT_TRUE(peer.read_reply().second == body);
}

TEST_F(ServerTest, StreamsPiecesAsChunks) {
  serve([](Request, base::Context) -> Task<Response> {
    Response response;
    response.stream = std::make_unique<ListStream>(
        std::vector<std::string>{"one", "two", std::string(300, 'x')}, std::nullopt);
    co_return response;
  });
  Peer peer = connect();
  for (int i = 0; i < 2; ++i) {
    peer.send(kGet);
    const std::string head = peer.read_until("\r\n\r\n");
    EXPECT_EQ(header(head, "Transfer-Encoding"), "chunked");
    EXPECT_EQ(header(head, "Content-Length"), "");
    EXPECT_EQ(peer.read_until("0\r\n\r\n"),
              "3\r\none\r\n3\r\ntwo\r\n12c\r\n" + std::string(300, 'x') + "\r\n0\r\n\r\n");
  }
}

TEST_F(ServerTest, EndsABrokenStreamWithoutTheFinalChunk) {
  serve([](Request, base::Context) -> Task<Response> {
    Response response;
    response.stream = std::make_unique<ListStream>(
        std::vector<std::string>{"one"}, base::Error{base::ErrorCode::unavailable, "gone", {}});
    co_return response;
  });
  EXPECT_TRUE(exchange(kGet).ends_with("\r\n\r\n3\r\none\r\n"));
}

TEST_F(ServerTest, SpeaksHttp10) {
  serve([](Request request, base::Context) -> Task<Response> {
    Response response = Response::text(200, "body");
    if (request.path == "/stream") {
      response.stream =
          std::make_unique<ListStream>(std::vector<std::string>{"one", "two"}, std::nullopt);
    }
    co_return response;
  });
  const std::string closed = exchange("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(closed.starts_with("HTTP/1.0 200 ")) << closed;
  EXPECT_TRUE(closed.ends_with("\r\n\r\nbody"));
  EXPECT_TRUE(exchange("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                  .ends_with("\r\n\r\nonetwo"));

  Peer kept = connect();
  kept.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(header(kept.read_reply().first, "Connection"), "keep-alive");
  kept.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(header(kept.read_to_end(), "Connection"), "close");
}

TEST_F(ServerTest, ClosesWhenAskedTo) {
  serve(echo);
  EXPECT_EQ(
      header(exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n"), "Connection"),
      "close");
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
  peer.send(
      "HEAD / HTTP/1.1\r\nHost: x\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: x\r\n\r\nGET / "
      "HTTP/1.1\r\nHost: x\r\n\r\n");
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
  serve([](Request, base::Context context) -> Task<Response> {
    co_return Response::text(200, context.request_id);
  });
  Peer peer = connect();
  const auto ask = [&peer](const std::string& id) {
    peer.send("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: " + id + "\r\n\r\n");
    const auto [head, body] = peer.read_reply();
    EXPECT_EQ(header(head, "X-Request-Id"), body);
    return body;
  };
  EXPECT_EQ(ask("My_id-1.2"), "My_id-1.2");
  EXPECT_EQ(ask(std::string(128, 'a')), std::string(128, 'a'));
  for (const std::string& bad : {std::string("a b"), std::string("\"<x>"), std::string(129, 'a'),
                                 std::string(), std::string("\xC3\xA4")}) {
    EXPECT_TRUE(std::regex_match(ask(bad), std::regex("[0-9a-f]{32}"))) << bad;
  }
}

TEST_F(ServerTest, ContinuesTheClientsTraceOrStartsOne) {
  serve(echo);
  Peer peer = connect();
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  peer.send("GET / HTTP/1.1\r\nHost: x\r\ntraceparent: 00-" + trace +
            "-b7ad6b7169203331-01\r\n\r\n");
  EXPECT_NE(peer.read_reply().second.find(trace), std::string::npos);
  peer.send("GET / HTTP/1.1\r\nHost: x\r\ntraceparent: 00-" + std::string(32, '0') +
            "-b7ad6b7169203331-01\r\n\r\n");
  EXPECT_TRUE(
      std::regex_search(peer.read_reply().second, std::regex("\\|(?!0{32})[0-9a-f]{32}\\|")));
}

TEST_F(ServerTest, GivesTheContextTheRoutesDeadline) {
  serve(
      [](Request, base::Context context) -> Task<Response> {
        EXPECT_LE(context.remaining(), 7s);
        EXPECT_GT(context.remaining(), 5s);
        co_return Response::text(200, "");
      },
      {.limits_for = [](const Request& request) {
        EXPECT_EQ(request.path, "/route");
        EXPECT_EQ(request.headers.get("x-key"), "k");
        return RequestLimits{.time = 7s};
      }});
  Peer peer = connect();
  peer.send("GET /route HTTP/1.1\r\nHost: x\r\nX-Key: k\r\n\r\n");
  peer.read_reply();
}

TEST_F(ServerTest, GivesTheContextTheCallersDeadlineWhenItIsSooner) {
  serve(
      [](Request, base::Context context) -> Task<Response> {
        const auto left = std::chrono::ceil<std::chrono::seconds>(context.remaining());
        co_return Response::text(200, std::to_string(left.count()));
      },
      {.limits_for = [](const Request&) { return RequestLimits{.time = 60s}; }});
  Peer peer = connect();
  const auto left = [&peer](const std::string& header) {
    peer.send("GET / HTTP/1.1\r\nHost: x\r\n" + header + "\r\n");
    return peer.read_reply().second;
  };
  EXPECT_EQ(left("X-Request-Deadline-Ms: 20000\r\n"), "20");
  EXPECT_EQ(left("X-Request-Deadline-Ms: 90000\r\n"), "60");
  EXPECT_EQ(left("X-Request-Deadline-Ms: 0\r\n"), "0");
  for (const char* bad : {"", "soon", "20s", "-1", "1.5", "99999999999999999999"})
    EXPECT_EQ(left(std::string("X-Request-Deadline-Ms: ") + bad + "\r\n"), "60") << bad;
}

TEST_F(ServerTest, CancelsTheHandlerAtTheCallersDeadline) {
  serve([](Request, base::Context context) -> Task<Response> {
    co_await base::sleep_for(30s, context.cancellation);
    co_return Response::text(200, context.cancelled() ? "stopped" : "slept");
  });
  Peer peer = connect();
  peer.send("GET / HTTP/1.1\r\nHost: x\r\nx-request-deadline-ms: 20\r\n\r\n");
  EXPECT_EQ(peer.read_reply().second, "stopped");
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
    return metrics_.counter("http_requests_total", "", {{"method", method}, {"status", status}})
        .value();
  };
  EXPECT_EQ(count("GET", "2xx"), 1);
  EXPECT_EQ(count("other", "4xx"), 2);
  EXPECT_EQ(open.value(), 0);
}

// ---- Slow and leaving clients.

ServerSettings impatient() {
  ServerSettings settings;
  settings.times = {.header = 60ms,
                    .body = 150ms,
                    .body_idle = 60ms,
                    .idle = 60ms,
                    .write = 100ms,
                    .linger = 200ms};
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
  peer.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /" + std::string(8000, 'a') +
            " HTTP/1.1\r\nHost: x\r\n\r\n");
  started.get_future().wait();
  peer.close();
  EXPECT_EQ(cancelled.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST_F(ServerTest, CancelsTheHandlerAtItsDeadlineAndSendsItsAnswer) {
  serve(
      [](Request, base::Context context) -> Task<Response> {
        co_await base::sleep_for(1h, context.cancellation);
        EXPECT_TRUE(context.expired());
        co_return Response::text(504, "late");
      },
      {.limits_for = [](const Request&) { return RequestLimits{.time = 30ms}; }});
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
  serve(
      [&](Request, base::Context) -> Task<Response> {
        Response response;
        response.stream =
            std::make_unique<EndlessStream>(std::string(64 * 1024, 'x'), pulled, dropped);
        co_return response;
      },
      settings);
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
  serve(
      [&](Request, base::Context) -> Task<Response> {
        std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
        co_return Response::text(200, "");
      },
      settings);
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
  EXPECT_NE(second.error().message.find(std::to_string(settings.port)), std::string::npos)
      << second.error().message;
  EXPECT_NE(second.error().message.find("already in use"), std::string::npos)
      << second.error().message;
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
  const auto folder =
      std::filesystem::temp_directory_path() / ("opaline-http-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string path = folder / "server.sock";
  ServerSettings settings;
  settings.unix_socket = path;
  settings.threads = 2;
  serve([](Request request,
           base::Context) -> Task<Response> { co_return Response::text(200, request.peer); },
        settings);
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
  EXPECT_EQ(Server::create(settings, echo, metrics_).error().code,
            base::ErrorCode::failed_precondition);
  settings.unix_socket = "/" + std::string(200, 'x');
  EXPECT_EQ(Server::create(settings, echo, metrics_).error().code,
            base::ErrorCode::failed_precondition);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace opaline::http
