#include "services/mcp/mcp_client.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <vector>

#include "base/event.hpp"
#include "base/metric.hpp"
#include "contract/event_stream.hpp"
#include "http/server.hpp"
#include "services/mcp/mcp_service.hpp"

namespace opaline::services {
namespace {

namespace json = boost::json;
using base::ErrorCode;

/// What the server still has to say on one stream. On the server's loop.
struct Stream {
  explicit Stream(boost::asio::any_io_executor executor) : changed(std::move(executor)) {}
  void say(std::string_view data, std::string_view type = "message") {
    waiting.push_back(contract::format_event(data, type));
    changed.notify_all();
  }
  void end() {
    ended = true;
    changed.notify_all();
  }

  base::Event changed;
  std::deque<std::string> waiting;
  bool ended = false;
};

class StreamBody final : public http::BodyStream {
 public:
  StreamBody(std::shared_ptr<Stream> stream, const base::Context& context,
             std::function<void()> gone)
      : stream_(std::move(stream)),
        gone_(std::move(gone)),
        leaving_(context.cancellation->on_request([stream = stream_] { stream->end(); })) {}
  ~StreamBody() override { gone_(); }
  base::Task<base::Result<std::optional<std::string>>> next() override {
    while (stream_->waiting.empty()) {
      if (stream_->ended) co_return std::nullopt;
      co_await stream_->changed.wait();
    }
    std::string event = std::move(stream_->waiting.front());
    stream_->waiting.pop_front();
    co_return event;
  }

 private:
  std::shared_ptr<Stream> stream_;  // Shared with the server.
  std::function<void()> gone_;
  base::Cancellation::Registration leaving_;
};

/// An MCP server of the older transport on the loopback, which answers calls as a test says.
class OlderMcp : public testing::Test {
 protected:
  using Answer = std::function<void(Stream& stream, const json::object& message)>;

  OlderMcp() {
    auto made = http::Server::create(
        http::ServerSettings{.port = 0, .threads = 1},
        [this](http::Request request, base::Context context) {
          return handle(std::move(request), std::move(context));
        },
        metrics_);
    EXPECT_TRUE(made) << made.error().message;
    server_ = std::move(*made);
    server_->start();
    begin();
  }
  ~OlderMcp() override { server_->stop(std::chrono::seconds(0)); }

  /// Knows nothing of the server yet.
  void begin() {
    const std::string url = "http://127.0.0.1:" + std::to_string(server_->port());
    McpSettings settings{.endpoint = http::Endpoint::parse(url).value(),
                         .path = "/sse",
                         .tool = "add",
                         .api_key = "secret"};
    service_ = std::make_unique<McpService>(std::move(settings), client_);
  }

  static void result(Stream& stream, const json::object& message, json::object value) {
    stream.say(contract::write_rpc_result(message.at("id"), json::serialize(value)));
  }
  base::Result<std::string> call(base::Context context = {}) {
    base::Result<std::string> output = base::fail(ErrorCode::internal, "nothing came");
    base::EventLoop loop(1);
    boost::asio::co_spawn(loop, asked(service_.get(), std::move(context), &output),
                          [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
    if (leaves_) {
      // When the call is under way, on its own thread.
      boost::asio::co_spawn(loop, leave(this), [](const std::exception_ptr&) {});
    }
    loop.run_for(std::chrono::seconds(10));
    EXPECT_TRUE(loop.stopped()) << "it did not end";
    return output;
  }
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  // Set before the first call, read on the server's thread.
  unsigned refusal_ = 405;  // Of a POST to /sse; 0: streamable HTTP is spoken.
  unsigned stream_status_ = 200;
  std::string stream_type_ = "text/event-stream; charset=utf-8";
  std::string place_ = "/messages/?session_id=1";  // Empty: the stream ends without a word.
  std::string version_ = "2024-11-05";
  Answer answer_ = [](Stream& stream, const json::object& message) {
    result(stream, message, {{"content", json::array()}, {"structuredContent", {{"n", 1}}}});
  };
  base::MetricRegistry metrics_;
  int streams_ = 2;                             // One to find out how it speaks, then one a call.
  std::promise<void> left_;                     // When so many have gone.
  std::shared_ptr<base::Cancellation> leaves_;  // Of a caller who leaves; shared with its context.

 private:
  static base::Task<> leave(OlderMcp* self) {
    while (self->requests().empty() || self->requests().back() != "/messages/ tools/call")
      co_await base::sleep_for(std::chrono::milliseconds(5), nullptr);
    self->leaves_->request();
  }
  static base::Task<> asked(McpService* service, base::Context context,
                            base::Result<std::string>* output) {
    contract::JsonRequest request{.body = json::object{{"a", 1}}};
    auto reply = co_await service->call(std::move(request), std::move(context));
    if (!reply) {
      *output = base::fail(reply.error());
    } else {
      *output = json::serialize(std::get<contract::JsonReply>(*reply).body);
    }
  }

  void note(std::string what) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(what));
  }

  base::Task<http::Response> handle(http::Request request, base::Context context) {
    EXPECT_EQ(request.headers.get("Authorization"), "Bearer secret");
    if (request.method == "GET") {
      auto executor = co_await boost::asio::this_coro::executor;
      co_return open(std::move(executor), context);
    }
    const json::object message = json::parse(request.body).as_object();
    const std::string method =
        message.contains("method") ? std::string(message.at("method").as_string()) : "response";
    note(request.path + " " + method);
    http::Response accepted;
    accepted.status = 202;
    if (request.path == "/sse") {
      if (refusal_ != 0) co_return http::Response::json(refusal_, "{}");
      if (method == "notifications/initialized") co_return accepted;
      const json::object value = method == "initialize"
                                     ? json::object{{"protocolVersion", "2025-06-18"}}
                                     : json::object{{"content", json::array()}};
      co_return http::Response::json(
          200, contract::write_rpc_result(message.at("id"), json::serialize(value)));
    }
    EXPECT_EQ(request.find_query("session_id").value_or(""), "1");
    if (method == "initialize") result(*stream_, message, {{"protocolVersion", version_}});
    if (method == "tools/call") answer_(*stream_, message);
    co_return accepted;
  }

  http::Response open(boost::asio::any_io_executor executor, const base::Context& context) {
    note("GET");
    if (stream_status_ != 200) return http::Response::json(stream_status_, "{}");
    stream_ = std::make_shared<Stream>(std::move(executor));
    if (place_.empty()) {
      stream_->end();
    } else {
      stream_->say(place_, "endpoint");
    }
    http::Response reply;
    reply.headers.set("Content-Type", stream_type_);
    reply.stream = std::make_unique<StreamBody>(stream_, context, [this] {
      if (++streams_gone_ == streams_) left_.set_value();
    });
    return reply;
  }

  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::shared_ptr<Stream> stream_;  // Shared with its body.
  int streams_gone_ = 0;
  std::unique_ptr<http::Server> server_;
  http::Client client_;
  std::unique_ptr<McpService> service_;
};

TEST_F(OlderMcp, IsSpokenToWhenItRefusesStreamableHttp) {
  const std::vector<std::string> session = {"GET", "/messages/ initialize",
                                            "/messages/ notifications/initialized"};
  std::vector<std::string> expected;
  for (const unsigned refusal : {400U, 404U, 405U}) {
    refusal_ = refusal;
    begin();
    expected.emplace_back("/sse initialize");
    expected.insert(expected.end(), session.begin(), session.end());
    // Once known, nothing else is tried again.
    for (int calls = 0; calls < 2; ++calls) {
      EXPECT_EQ(call().value(), R"({"n":1})") << refusal;
      expected.insert(expected.end(), session.begin(), session.end());
      expected.emplace_back("/messages/ tools/call");
    }
  }
  EXPECT_EQ(requests(), expected);
}

TEST_F(OlderMcp, MaySpeakLaterVersionsOverTheOlderTransport) {
  version_ = "2025-06-18";
  EXPECT_TRUE(call());
  version_ = "2031-01-01";
  EXPECT_EQ(call().error().code, ErrorCode::failed_precondition);
}

TEST_F(OlderMcp, IsAnsweredItsPingsWhileItWorks) {
  answer_ = [](Stream& stream, const json::object& message) {
    stream.say(R"({"jsonrpc":"2.0","id":7,"method":"ping"})");
    stream.say(R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}})");
    result(stream, message, {{"content", {{{"type", "text"}, {"text", "four"}}}}});
  };
  EXPECT_EQ(call().value(), R"({"text":"four"})");
  EXPECT_EQ(requests().back(), "/messages/ response");
}

TEST_F(OlderMcp, HearsOfTheRefusalWhenThereIsNoStreamEither) {
  for (const auto& [status, type] :
       std::vector<std::pair<unsigned, std::string>>{{404, ""}, {200, "text/html"}}) {
    stream_status_ = status;
    stream_type_ = type;
    const auto failed = call();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::failed_precondition);
    EXPECT_TRUE(failed.error().message.contains("status 405")) << failed.error().message;
  }
  stream_status_ = 401;
  EXPECT_TRUE(call().error().message.contains("API key"));
}

TEST_F(OlderMcp, HearsOfTheRefusalWhenTheStreamIsOfSomethingElse) {
  place_.clear();
  const auto failed = call();
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().message.contains("status 405")) << failed.error().message;
}

TEST_F(OlderMcp, IsNotTriedAfterOtherFailures) {
  refusal_ = 503;
  EXPECT_EQ(call().error().code, ErrorCode::unavailable);
  EXPECT_EQ(requests(), (std::vector<std::string>{"/sse initialize"}));
}

TEST_F(OlderMcp, IsFollowedWhenItIsReplacedByALaterOne) {
  ASSERT_TRUE(call());
  refusal_ = 0;
  stream_status_ = 405;
  EXPECT_EQ(call().value(), R"({"content":[]})");
  EXPECT_EQ(requests().back(), "/sse tools/call");
}

TEST_F(OlderMcp, IsToldNothingElsewhere) {
  place_ = "http://elsewhere:1/messages";
  const auto failed = call();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::failed_precondition);
  EXPECT_TRUE(failed.error().message.contains("the MCP tool 'add' at http://127.0.0.1:"))
      << failed.error().message;
  EXPECT_EQ(requests().back(), "GET");
}

TEST_F(OlderMcp, IsUnavailableWhenItBreaksOff) {
  answer_ = [](Stream& stream, const json::object&) { stream.end(); };
  const auto failed = call();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(failed.error().message.contains("broke off")) << failed.error().message;
}

TEST_F(OlderMcp, LosesItsListenerAtTheDeadline) {
  streams_ = 3;
  ASSERT_TRUE(call());
  answer_ = [](Stream&, const json::object&) {};
  base::Context context;
  context.deadline = base::Context::Clock::now() + std::chrono::milliseconds(300);
  EXPECT_EQ(call(context).error().code, ErrorCode::deadline_exceeded);
  EXPECT_EQ(left_.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST_F(OlderMcp, LosesItsListenerWhenTheCallerLeaves) {
  answer_ = [](Stream&, const json::object&) {};
  base::Context context;
  leaves_ = context.cancellation;
  EXPECT_EQ(call(context).error().code, ErrorCode::cancelled);
  EXPECT_EQ(left_.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

}  // namespace
}  // namespace opaline::services
