#include "http/client.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/event.hpp"
#include "base/limits.hpp"
#include "base/metric.hpp"
#include "http/server.hpp"
#include "http/test_peer.hpp"

namespace opaline::http {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using base::Task;
using test::Peer;
using test::ScriptedServer;

Endpoint endpoint(const std::string& url) { return *Endpoint::parse(url); }

ClientRequest post(std::string body = "{}") {
  ClientRequest request;
  request.body = std::move(body);
  return request;
}

ClientRequest get() {
  ClientRequest request;
  request.method = "GET";
  return request;
}

/// Sends on a loop of its own and waits.
base::Result<ClientResponse> send(const std::string& url, ClientRequest request,
                                  base::Context context = {}) {
  base::Result<ClientResponse> response = base::fail(ErrorCode::internal, "the task did not end");
  test::run([](std::string to, ClientRequest what, base::Context with,
               base::Result<ClientResponse>* out) -> Task<> {
    Client client;
    *out = co_await client.send(endpoint(to), std::move(what), std::move(with));
  }(url, std::move(request), std::move(context), &response));
  return response;
}

/// What one call yields when the server says `reply` and closes.
base::Result<ClientResponse> reply_of(std::string reply, ClientRequest request = get()) {
  ScriptedServer server([&reply](Peer& peer, int) {
    peer.read_until("\r\n\r\n");
    peer.send(reply);
  });
  return send(server.url(), std::move(request));
}

class OwnServer {
 public:
  explicit OwnServer(Handler handler, ServerSettings settings = {}) {
    settings.port = 0;
    settings.threads = 1;
    server_ = *Server::create(std::move(settings), std::move(handler), metrics_);
    server_->start();
  }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server_->port());
  }
  [[nodiscard]] double connections() { return metrics_.gauge("http_connections", "").value(); }
  void stop() { server_->stop(1s); }

 private:
  base::MetricRegistry metrics_;
  std::unique_ptr<Server> server_;
};

Task<Response> show(Request request, base::Context context) {
  std::string text =
      request.method + " " + request.path + "|" + context.request_id + "|" + context.trace.header();
  for (const auto& [name, value] : request.headers.fields()) text += "|" + name + ": " + value;
  co_return Response::text(200, text + "|" + request.body);
}

// ---- The ordinary.

TEST(Client, SendsTheRequestWithItsContext) {
  OwnServer server(show);
  ClientRequest request = post("the body");
  request.path = "/x%20y";
  request.headers.add("X-Own", "1");
  request.headers.add("content-length", "77");
  base::Context context;
  context.request_id = "r-1";
  context.trace = base::TraceContext::start();
  const std::string trace = context.trace.header();
  const auto response = send(server.url() + "/base", request, context);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200U);
  EXPECT_EQ(response->headers.get("content-type"), "text/plain; charset=utf-8");
  EXPECT_TRUE(response->body.starts_with("POST /base/x y|r-1|" + trace)) << response->body;
  EXPECT_NE(response->body.find("|X-Own: 1|"), std::string::npos);
  EXPECT_EQ(response->body.find(": 77"), std::string::npos);
  EXPECT_TRUE(response->body.ends_with("|the body"));
}

TEST(Client, UsesOneConnectionForManyRequests) {
  OwnServer server(show);
  test::run([](OwnServer* to) -> Task<> {
    Client client;
    for (int i = 0; i < 5; ++i) {
      const auto response = co_await client.send(endpoint(to->url()), post(), {});
      EXPECT_TRUE(response);
    }
    EXPECT_EQ(to->connections(), 1);
  }(&server));
}

TEST(Client, CarriesLargeBodiesBothWays) {
  OwnServer server(
      [](Request request, base::Context) -> Task<Response> {
        co_return Response::text(200, request.body);
      },
      {.limits_for = [](const Request&) { return RequestLimits{.body_bytes = 16UL << 20}; }});
  const std::string body(8 << 20, 'y');
  const auto response = send(server.url(), post(body));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_TRUE(response->body == body);
}

TEST(Client, SpeaksOverUnixSockets) {
  const std::string path = std::filesystem::temp_directory_path() /
                           ("opaline-client-" + std::to_string(::getpid()) + ".sock");
  OwnServer server(show, {.unix_socket = path});
  const auto response = send("unix:" + path + ":/base", get());
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_TRUE(response->body.starts_with("GET /base/|"));
  server.stop();
  EXPECT_EQ(send("unix:" + path, get()).error().code, ErrorCode::unavailable);
}

TEST(Client, FindsServersByName) {
  OwnServer server(show);
  const auto response =
      send("http://localhost:" + server.url().substr(server.url().rfind(':') + 1), get());
  EXPECT_TRUE(response) << response.error().message;
}

TEST(Client, ReadsEveryFramingOfAReply) {
  const std::pair<std::string, std::string> cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
      {"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", "hello"},
      {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", ""},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nA: "
       "b\r\n\r\n",
       "hello"},
      {"HTTP/1.1 200 OK\r\n\r\nhello", "hello"},
      {"HTTP/1.0 200 OK\r\n\r\nhello", "hello"},
      {"HTTP/1.1 204 No Content\r\n\r\n", ""},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ""},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 "
       "OK\r\nContent-Length: 5\r\n\r\nhello",
       "hello"},
  };
  for (const auto& [reply, body] : cases) {
    const auto response = reply_of(reply);
    ASSERT_TRUE(response) << reply << response.error().message << response.error().detail;
    EXPECT_EQ(response->body, body) << reply;
  }
  ClientRequest head = get();
  head.method = "HEAD";
  EXPECT_TRUE(reply_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", head));
}

TEST(Client, StreamsAReplyAsItComes) {
  std::promise<void> first_read;
  ScriptedServer server([&first_read](Peer& peer, int) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Own: 1\r\n\r\n5\r\nfirst\r\n");
    // The second piece is sent only once the first was seen.
    first_read.get_future().wait();
    peer.send("6\r\nsecond\r\n0\r\n\r\n");
    peer.read_to_end();
  });
  test::run([](std::string url, std::promise<void>* read) -> Task<> {
    Client client;
    auto stream = co_await client.open(endpoint(url), get(), {});
    EXPECT_TRUE(stream);
    EXPECT_EQ((*stream)->status(), 200U);
    EXPECT_EQ((*stream)->headers().get("x-own"), "1");
    EXPECT_EQ(**co_await (*stream)->next(), "first");
    read->set_value();
    EXPECT_EQ(**co_await (*stream)->next(), "second");
    EXPECT_EQ(*co_await (*stream)->next(), std::nullopt);
    EXPECT_EQ(*co_await (*stream)->next(), std::nullopt);
  }(server.url(), &first_read));
}

TEST(Client, ClosesTheConnectionOfAStreamThatIsDropped) {
  std::promise<void> closed;
  ScriptedServer server([&closed](Peer& peer, int) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    EXPECT_EQ(peer.read_to_end(), "");
    closed.set_value();
  });
  test::run([](std::string url, std::promise<void>* done) -> Task<> {
    Client client;
    {
      auto stream = co_await client.open(endpoint(url), get(), {});
      co_await (*stream)->next();
    }
    EXPECT_EQ(done->get_future().wait_for(30s), std::future_status::ready);
  }(server.url(), &closed));
}

// ---- Broken servers.

TEST(Client, NamesAServerThatIsNotThere) {
  std::string url;
  {
    url = ScriptedServer([](Peer&, int) {}).url();
  }
  const auto response = send(url, get());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::unavailable);
  EXPECT_NE(response.error().message.find(url), std::string::npos) << response.error().message;
  EXPECT_TRUE(response.error().unsent);
}

TEST(Client, NamesAHostThatCannotBeFound) {
  base::Context context;
  context.deadline = std::chrono::steady_clock::now() + 4s;
  const auto response = send("http://no-such-host.invalid", get(), context);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::unavailable);
  EXPECT_NE(response.error().message.find("no-such-host.invalid"), std::string::npos);
}

TEST(Client, CallsABrokenReplyUnavailable) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  std::string endless;
  for (int i = 0; i < 20; ++i) endless += "HTTP/1.1 103 Early Hints\r\n\r\n";
  for (const std::string& reply :
       {std::string(),
        std::string("HTTP/1.1 20"),
        ok + "Content-Le",
        ok + "Content-Length: 5\r\n\r\nhel",
        ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ok + "Transfer-Encoding: gzip\r\n\r\n",
        ok + "Content-Length: x\r\n\r\n",
        ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ok + "A: b\r\n folded\r\n\r\n",
        std::string("HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
        std::string("hello\r\n\r\n"),
        std::string("HTTP/2.0 200 OK\r\n\r\n"),
        std::string("HTTP/1.1 99 OK\r\n\r\n"),
        std::string("HTTP/1.1 2000 OK\r\n\r\n"),
        std::string("HTTP/1.1 600 OK\r\n\r\n"),
        std::string("HTTP/1.1  200 OK\r\n\r\n"),
        std::string("HTTP/1.1 101 Switching\r\n\r\n"),
        endless,
        ok + "A: " + std::string(70000, 'x'),
        std::string("\x15\x03\x01\x00\x02\x02\x16", 7)}) {
    const auto response = reply_of(reply);
    ASSERT_FALSE(response) << reply;
    EXPECT_EQ(response.error().code, ErrorCode::unavailable) << reply;
  }
}

TEST(Client, CallsAResetUnavailable) {
  for (const std::string& before :
       {std::string(), std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"),
        std::string("HTTP/1.1 200 OK\r\n\r\nhel")}) {
    ScriptedServer server([&before](Peer& peer, int) {
      peer.read_until("\r\n\r\n");
      peer.send(before);
      peer.reset();
    });
    const auto response = send(server.url(), get());
    ASSERT_FALSE(response) << before;
    EXPECT_EQ(response.error().code, ErrorCode::unavailable);
    EXPECT_FALSE(response.error().unsent) << before;
  }
}

TEST(Client, ReportsTheAnswerOfAServerThatDidNotReadOn) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge");
    peer.shut_sending();
    peer.read_to_end();
  });
  const auto response = send(server.url(), post(std::string(10 << 20, 'x')));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 413U);
  EXPECT_EQ(response->body, "large");
}

TEST(Client, LimitsTheReply) {
  const auto announced = reply_of(
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(limits::kReplyBytes + 1) + "\r\n\r\n");
  ASSERT_FALSE(announced);
  EXPECT_EQ(announced.error().code, ErrorCode::resource_exhausted);

  ScriptedServer server([](Peer& peer, int) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    const std::string piece(1 << 20, 'x');
    while (peer.send(piece)) {
    }
  });
  ClientRequest request = get();
  request.reply_bytes_max = 3 << 20;
  const auto endless = send(server.url(), request);
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code, ErrorCode::resource_exhausted);
}

TEST(Client, SendsNoRequestThatWouldSplit) {
  ClientRequest bad_header = get();
  bad_header.headers.add("X", "a\r\nY: b");
  ClientRequest bad_name = get();
  bad_name.headers.add("X: y\r\nZ", "a");
  ClientRequest bad_path = get();
  bad_path.path = "/a b";
  ClientRequest relative_path = get();
  relative_path.path = "a";
  ClientRequest bad_method = get();
  bad_method.method = "GET /x";
  for (const ClientRequest& request : {bad_header, bad_name, bad_path, relative_path, bad_method}) {
    EXPECT_EQ(send("http://127.0.0.1:1", request).error().code, ErrorCode::invalid_argument);
  }
}

// ---- Deadlines and cancellation.

base::Context within(std::chrono::milliseconds time) {
  base::Context context;
  context.deadline = std::chrono::steady_clock::now() + time;
  return context;
}

TEST(Client, GivesUpAtTheDeadlineWhereverTheServerHangs) {
  for (const std::string& before :
       {std::string(), std::string("HTTP/1.1 200"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")}) {
    ScriptedServer server([&before](Peer& peer, int) {
      peer.read_until("\r\n\r\n");
      peer.send(before);
      peer.read_to_end();
    });
    const auto response = send(server.url(), get(), within(50ms));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::deadline_exceeded);
    EXPECT_NE(response.error().message.find(server.url()), std::string::npos);
  }
}

TEST(Client, GivesUpAtTheDeadlineWhenTheServerDoesNotRead) {
  std::promise<void> done;
  auto finished = done.get_future();
  ScriptedServer server([&finished](Peer&, int) { finished.wait(); });
  const auto response = send(server.url(), post(std::string(30 << 20, 'x')), within(100ms));
  done.set_value();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::deadline_exceeded);
}

TEST(Client, DoesNotStartAfterTheDeadlineOrCancellation) {
  base::Context cancelled;
  cancelled.cancellation->request();
  EXPECT_EQ(send("http://127.0.0.1:1", get(), cancelled).error().code, ErrorCode::cancelled);
  EXPECT_EQ(send("http://127.0.0.1:1", get(), within(-1ms)).error().code,
            ErrorCode::deadline_exceeded);
}

Task<> cancel_soon(std::shared_ptr<base::Cancellation> cancellation) {
  co_await base::sleep_for(30ms, nullptr);
  cancellation->request();
}

TEST(Client, StopsWhenCancelledWhereverItWaits) {
  for (const std::string& before :
       {std::string(), std::string("HTTP/1.1 200"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")}) {
    ScriptedServer server([&before](Peer& peer, int) {
      peer.read_until("\r\n\r\n");
      peer.send(before);
      peer.read_to_end();
    });
    test::run([](std::string url) -> Task<> {
      Client client;
      base::Context context;
      boost::asio::co_spawn(co_await boost::asio::this_coro::executor,
                            cancel_soon(context.cancellation), boost::asio::detached);
      const auto response = co_await client.send(endpoint(url), get(), context);
      EXPECT_FALSE(response);
      EXPECT_EQ(response.error().code, ErrorCode::cancelled);
    }(server.url()));
  }
}

TEST(Client, TellsAStreamsReaderOfTheCancellation) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    peer.read_to_end();
  });
  test::run([](std::string url) -> Task<> {
    Client client;
    base::Context context;
    auto stream = co_await client.open(endpoint(url), get(), context);
    EXPECT_EQ(**co_await (*stream)->next(), "first");
    boost::asio::co_spawn(co_await boost::asio::this_coro::executor,
                          cancel_soon(context.cancellation), boost::asio::detached);
    for (int i = 0; i < 2; ++i) {
      const auto end = co_await (*stream)->next();
      EXPECT_FALSE(end);
      EXPECT_EQ(end.error().code, ErrorCode::cancelled);
    }
  }(server.url()));
}

// ---- Pooled connections.

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";

Task<> send_twice(std::string url, ClientRequest second, base::Result<ClientResponse>* out,
                  std::future<void> between) {
  Client client;
  const auto first = co_await client.send(endpoint(url), get(), {});
  EXPECT_TRUE(first) << first.error().message;
  between.wait();
  *out = co_await client.send(endpoint(url), std::move(second), {});
}

TEST(Client, DropsAnIdleConnectionThatTheServerClosed) {
  std::promise<void> closed;
  ScriptedServer server([&closed](Peer& peer, int connection) {
    peer.read_until("\r\n\r\n");
    peer.send(std::string(kOk) + "c" + std::to_string(connection));
    peer.close();
    if (connection == 0) closed.set_value();
  });
  base::Result<ClientResponse> second;
  test::run(send_twice(server.url(), post(""), &second, closed.get_future()));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->body, "c1");
}

/// Answers the first request, then lets the second die on the same connection with a reset.
ScriptedServer dies_on_the_second_request() {
  return ScriptedServer([](Peer& peer, int connection) {
    peer.read_until("\r\n\r\n");
    peer.send(std::string(kOk) + "c" + std::to_string(connection));
    if (connection == 0) {
      peer.read_until("\r\n\r\n");
      peer.reset();
    }
  });
}

std::future<void> at_once() {
  std::promise<void> done;
  done.set_value();
  return done.get_future();
}

TEST(Client, RepeatsAnIdempotentRequestThatDiedWithItsPooledConnection) {
  const auto server = dies_on_the_second_request();
  ClientRequest idempotent = post("");
  idempotent.idempotent = true;
  base::Result<ClientResponse> second;
  test::run(send_twice(server.url(), idempotent, &second, at_once()));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->body, "c1");
}

TEST(Client, DoesNotRepeatARequestThatMayHaveBeenCarriedOut) {
  const auto server = dies_on_the_second_request();
  base::Result<ClientResponse> second;
  test::run(send_twice(server.url(), post(""), &second, at_once()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
}

TEST(Client, DoesNotRepeatARequestThatWasHalfAnswered) {
  ScriptedServer server([](Peer& peer, int connection) {
    peer.read_until("\r\n\r\n");
    peer.send(std::string(kOk) + "c" + std::to_string(connection));
    if (connection == 0) {
      peer.read_until("\r\n\r\n");
      peer.send("HTTP/1.1 20");
    }
  });
  base::Result<ClientResponse> second;
  test::run(send_twice(server.url(), get(), &second, at_once()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_FALSE(second.error().unsent);
}

TEST(Client, DoesNotTakeStrayBytesForTheNextReply) {
  ScriptedServer server([](Peer& peer, int connection) {
    peer.read_until("\r\n\r\n");
    peer.send(std::string(kOk) + "c" + std::to_string(connection) +
              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray");
    if (connection == 0) peer.read_to_end();
  });
  base::Result<ClientResponse> second;
  test::run(send_twice(server.url(), get(), &second, at_once()));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->body, "c1");
}

TEST(Client, DoesNotReuseAConnectionThatTheServerWillClose) {
  ScriptedServer server([](Peer& peer, int connection) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nc" +
              std::to_string(connection));
    EXPECT_EQ(peer.read_to_end(), "");
  });
  base::Result<ClientResponse> second;
  test::run(send_twice(server.url(), get(), &second, at_once()));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->body, "c1");
}

}  // namespace
}  // namespace opaline::http
