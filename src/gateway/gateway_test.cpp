#include "gateway/gateway.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include "gateway/deployment_fixture.hpp"
#include "http/client.hpp"
#include "http/server.hpp"

namespace opaline::gateway {
namespace {

using namespace std::chrono_literals;

/// The gateway behind a real server on a free port.
class Gateways : public Deployment {
 protected:
  void serve() {
    http::ServerSettings settings;
    settings.port = 0;
    settings.threads = 1;
    gateway_->install(settings);
    server_ = http::Server::create(settings, gateway_->request_handler(), registry_).value();
    server_->start();
    endpoint_ =
        http::Endpoint::parse("http://127.0.0.1:" + std::to_string(server_->port())).value();
  }
  void TearDown() override {
    if (server_) server_->stop(1s);
  }

  http::ClientResponse send(std::string method, std::string path, std::string body = "") {
    http::ClientRequest sent{
        .method = std::move(method), .path = std::move(path), .body = std::move(body)};
    return run(loop_, client_.send(endpoint_, std::move(sent), base::Context{})).value();
  }

  std::unique_ptr<http::Server> server_;
  http::Endpoint endpoint_;
  http::Client client_;
};

TEST_F(Gateways, AnswerOverASocket) {
  serve();
  const auto reply = send("POST", "/rag", R"({"query":"Is it so?"})");
  EXPECT_EQ(reply.status, 200u);
  EXPECT_EQ(boost::json::parse(reply.body).at("answer").as_string(), "It is so [1].");
  EXPECT_EQ(send("POST", "/v1/chatqna", R"({"messages":"q"})").body,
            "data: b'It is '\n\ndata: b'so [1].'\n\ndata: [DONE]\n\n");
}

TEST_F(Gateways, TellTheServersRefusalsInTheirOwnShape) {
  serve();
  const auto reply = send("POST", "/rag", std::string(settings_.body_bytes + 1, ' '));
  EXPECT_EQ(reply.status, 413u);
  EXPECT_TRUE(boost::json::parse(reply.body).at("error").at("request_id").is_string());
}

TEST_F(Gateways, HaveOneRequestIdInHeaderAndBody) {
  serve();
  http::ClientRequest sent{.method = "GET", .path = "/nothing"};
  const base::Context context{.request_id = "my-own-id-1"};
  const auto reply = run(loop_, client_.send(endpoint_, sent, context)).value();
  EXPECT_EQ(reply.headers.get("X-Request-Id"), "my-own-id-1");
  EXPECT_EQ(boost::json::parse(reply.body).at("error").at("request_id").as_string(), "my-own-id-1");
  int times = 0;
  for (const auto& [name, value] : reply.headers.fields())
    times += name == "X-Request-Id" || name == "x-request-id" ? 1 : 0;
  EXPECT_EQ(times, 1);
}

TEST_F(Gateways, StopTheGenerationWithin100MsOfTheClientsLeaving) {
  std::atomic<base::Context::Clock::rep> stopped = 0;
  std::vector<base::Cancellation::Registration> registrations;
  llm_.set([&](const auto&, const base::Context& context) -> base::Result<contract::Reply> {
    registrations.push_back(context.cancellation->on_request(
        [&stopped] { stopped = base::Context::Clock::now().time_since_epoch().count(); }));
    std::vector<base::Result<contract::ChatDelta>> items;
    items.push_back(piece("first"));
    return contract::Reply(
        std::make_unique<ScriptedStream>(std::move(items), context, ScriptedStream::Ending::hold));
  });
  serve();
  http::ClientRequest sent{.path = "/v1/chatqna", .body = R"({"messages":"q"})"};
  auto stream = run(loop_, client_.open(endpoint_, sent, base::Context{})).value();
  EXPECT_EQ(run(loop_, stream->next()).value().value(), "data: b'first'\n\n");
  EXPECT_EQ(stopped, 0);
  const auto left = base::Context::Clock::now();
  stream.reset();
  while (stopped == 0 && base::Context::Clock::now() - left < 5s) std::this_thread::yield();
  ASSERT_NE(stopped, 0);
  EXPECT_LT(base::Context::Clock::time_point(base::Context::Clock::duration(stopped.load())) - left,
            100ms);
}

TEST_F(Gateways, SurviveAServerThatStopsInTheMiddleOfAnAnswer) {
  llm_.set([&](const auto&, const base::Context& context) -> base::Result<contract::Reply> {
    std::vector<base::Result<contract::ChatDelta>> items;
    items.push_back(piece("first"));
    return contract::Reply(
        std::make_unique<ScriptedStream>(std::move(items), context, ScriptedStream::Ending::hold));
  });
  serve();
  http::ClientRequest sent{.path = "/v1/chatqna", .body = R"({"messages":"q"})"};
  auto stream = run(loop_, client_.open(endpoint_, sent, base::Context{})).value();
  EXPECT_TRUE(run(loop_, stream->next()));
  server_->stop(0s);
  server_.reset();
  // What was streaming ended broken or with an error event, never as if it were whole.
  auto rest = run(loop_, stream->next());
  if (rest && *rest) EXPECT_EQ((*rest)->find("[DONE]"), std::string::npos);
}

}  // namespace
}  // namespace opaline::gateway
