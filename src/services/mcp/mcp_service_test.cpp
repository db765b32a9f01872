#include "services/mcp/mcp_service.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <mutex>
#include <vector>

#include "base/event.hpp"
#include "base/metric.hpp"
#include "http/server.hpp"

namespace opaline::services {
namespace {

namespace json = boost::json;
using base::ErrorCode;

/// Given pieces; then the end, or nothing more until the request is cancelled.
class Pieces final : public http::BodyStream {
 public:
  enum class End { proper, never };
  Pieces(std::vector<std::string> pieces, End end, base::Context context)
      : pieces_(std::move(pieces)), end_(end), context_(std::move(context)) {}

  base::Task<base::Result<std::optional<std::string>>> next() override {
    if (sent_ < pieces_.size()) co_return std::optional(pieces_[sent_++]);
    if (end_ == End::never)
      co_await base::sleep_for(std::chrono::seconds(10), context_.cancellation);
    co_return std::optional<std::string>();
  }

 private:
  std::vector<std::string> pieces_;
  End end_;
  base::Context context_;
  std::size_t sent_ = 0;
};

/// An MCP server on the loopback: opens sessions, remembers what it was asked, and answers calls as
/// a test says.
class McpStep : public testing::Test {
 protected:
  struct Asked {
    std::string method;
    json::object message;
    http::Headers headers;
  };
  using Answer = std::function<http::Response(const json::object& message, base::Context)>;

  McpStep() {
    auto made = http::Server::create(
        http::ServerSettings{.port = 0, .threads = 1},
        [this](http::Request request, base::Context context) {
          return handle(std::move(request), std::move(context));
        },
        metrics_);
    EXPECT_TRUE(made) << made.error().message;
    server_ = std::move(*made);
    server_->start();
    service_ = std::make_unique<McpService>(
        McpSettings{
            .endpoint = http::Endpoint::parse("http://127.0.0.1:" + std::to_string(server_->port()))
                            .value(),
            .tool = "add",
            .api_key = "secret"},
        client_);
  }
  ~McpStep() override { server_->stop(std::chrono::seconds(0)); }

  static http::Response result(const json::object& message, json::object value) {
    return http::Response::json(
        200, contract::write_rpc_result(message.at("id"), json::serialize(value)));
  }
  static http::Response number(const json::object& message, int value) {
    return result(message, {{"content", json::array()}, {"structuredContent", {{"n", value}}}});
  }
  static http::Response events(std::vector<std::string> pieces, Pieces::End end,
                               base::Context context) {
    http::Response reply;
    reply.headers.set("Content-Type", "text/event-stream; charset=utf-8");
    reply.stream = std::make_unique<Pieces>(std::move(pieces), end, std::move(context));
    return reply;
  }

  base::Result<json::value> call(json::value body, base::Context context = {}) {
    base::Result<json::value> output = base::fail(ErrorCode::internal, "nothing came");
    base::EventLoop loop(1);
    boost::asio::co_spawn(loop, asked(service_.get(), std::move(body), std::move(context), &output),
                          [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
    if (leaves_) {
      // When the call is under way, on its own thread.
      boost::asio::co_spawn(loop, leave(this), [](const std::exception_ptr&) {});
    }
    loop.run_for(std::chrono::seconds(10));
    EXPECT_TRUE(loop.stopped()) << "it did not end";
    return output;
  }

  [[nodiscard]] std::vector<Asked> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  [[nodiscard]] std::vector<std::string> methods() const {
    std::vector<std::string> all;
    for (const Asked& one : requests()) all.push_back(one.method);
    return all;
  }

  Answer answer_ = [](const json::object& message, const base::Context&) {
    return number(message, 1);
  };
  std::string version_ = "2025-06-18";
  std::string session_ = "session-1";
  std::shared_ptr<base::Cancellation> leaves_;  // Of a caller who leaves; shared with its context.

 private:
  static base::Task<> leave(McpStep* self) {
    while (self->methods().empty() || self->methods().back() != "tools/call")
      co_await base::sleep_for(std::chrono::milliseconds(5), nullptr);
    self->leaves_->request();
  }
  static base::Task<> asked(McpService* service, json::value body, base::Context context,
                            base::Result<json::value>* output) {
    contract::JsonRequest request{.body = std::move(body)};
    auto reply = co_await service->call(std::move(request), std::move(context));
    if (!reply) {
      *output = base::fail(reply.error());
    } else {
      *output = std::get<contract::JsonReply>(std::move(*reply)).body;
    }
  }

  base::Task<http::Response> handle(http::Request request, base::Context context) {
    const json::object message = json::parse(request.body).as_object();
    const std::string method =
        message.contains("method") ? std::string(message.at("method").as_string()) : "response";
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back({method, message, request.headers});
    }
    if (method == "initialize") {
      auto reply = result(message, {{"protocolVersion", version_}});
      if (!session_.empty()) reply.headers.set("Mcp-Session-Id", session_);
      co_return reply;
    }
    if (method != "tools/call") {
      http::Response reply;
      reply.status = 202;
      co_return reply;
    }
    co_return answer_(message, std::move(context));
  }

  base::MetricRegistry metrics_;
  mutable std::mutex mutex_;
  std::vector<Asked> requests_;
  std::unique_ptr<http::Server> server_;
  http::Client client_;
  std::unique_ptr<McpService> service_;
};

TEST_F(McpStep, BeginsASessionOnceAndKeepsIt) {
  EXPECT_EQ(json::serialize(call({{"a", 1}}).value()), R"({"n":1})");
  EXPECT_EQ(json::serialize(call({{"a", 2}}).value()), R"({"n":1})");
  EXPECT_EQ(methods(), (std::vector<std::string>{"initialize", "notifications/initialized",
                                                 "tools/call", "tools/call"}));
  const auto asked = requests();
  EXPECT_EQ(asked[0].message.at("params").at("protocolVersion").as_string(), "2025-06-18");
  EXPECT_FALSE(asked[0].headers.find("Mcp-Session-Id"));
  EXPECT_EQ(json::serialize(asked[3].message.at("params")),
            R"({"name":"add","arguments":{"a":2}})");
  for (std::size_t i = 1; i < asked.size(); ++i) {
    EXPECT_EQ(asked[i].headers.get("Mcp-Session-Id"), "session-1");
    EXPECT_EQ(asked[i].headers.get("MCP-Protocol-Version"), "2025-06-18");
    EXPECT_EQ(asked[i].headers.get("Authorization"), "Bearer secret");
    EXPECT_EQ(asked[i].headers.get("Accept"), "application/json, text/event-stream");
    EXPECT_TRUE(asked[i].headers.find("traceparent"));
  }
}

TEST_F(McpStep, WorksWithAServerThatKeepsNoSessions) {
  session_.clear();
  EXPECT_TRUE(call({{"a", 1}}));
  EXPECT_FALSE(requests().back().headers.find("Mcp-Session-Id"));
}

TEST_F(McpStep, BeginsAgainWhenTheServerHasForgotten) {
  bool forgets = true;
  answer_ = [&forgets](const json::object& message, const base::Context&) {
    if (std::exchange(forgets, false)) return http::Response::json(404, "{}");
    return number(message, 2);
  };
  EXPECT_EQ(json::serialize(call({{"a", 1}}).value()), R"({"n":2})");
  EXPECT_EQ(methods(),
            (std::vector<std::string>{"initialize", "notifications/initialized", "tools/call",
                                      "initialize", "notifications/initialized", "tools/call"}));
}

TEST_F(McpStep, GivesUpOnAServerThatForgetsAtOnce) {
  answer_ = [](const json::object&, const base::Context&) { return http::Response::json(404, ""); };
  const auto failed = call({{"a", 1}});
  EXPECT_EQ(failed.error().code, ErrorCode::unavailable);
  EXPECT_EQ(methods().size(), 6u);
}

TEST_F(McpStep, ReadsEventsHoweverTheyAreCutAndAnswersPings) {
  answer_ = [](const json::object& message, base::Context context) {
    const std::string id = json::serialize(message.at("id"));
    const std::string all =
        "event: message\ndata: "
        R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}})"
        "\n\nid: 4\ndata:\n\n: note\n\nevent: message\ndata: "
        R"({"jsonrpc":"2.0","id":7,"method":"ping"})"
        "\n\ndata: "
        R"({"jsonrpc":"2.0","id":8,"method":"sampling/createMessage"})"
        "\n\ndata: "
        R"({"jsonrpc":"2.0","id":"other","result":{}})"
        "\n\nevent: message\ndata: "
        R"({"jsonrpc":"2.0","id":)" +
        id + R"(,"result":{"content":[],"structuredContent":{"n":3}}})" + "\n\n";
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < all.size(); at += 37) pieces.push_back(all.substr(at, 37));
    return events(std::move(pieces), Pieces::End::never, std::move(context));
  };
  EXPECT_EQ(json::serialize(call({{"a", 1}}).value()), R"({"n":3})");
  const auto asked = requests();
  ASSERT_EQ(asked.size(), 5u);
  EXPECT_EQ(json::serialize(asked[3].message), R"({"jsonrpc":"2.0","id":7,"result":{}})");
  EXPECT_EQ(asked[4].message.at("error").at("code").as_int64(), -32601);
}

TEST_F(McpStep, TellsTheServerWhenTheTimeIsOver) {
  answer_ = [](const json::object&, base::Context context) {
    return events({": wait\n\n"}, Pieces::End::never, std::move(context));
  };
  base::Context context;
  context.deadline = base::Context::Clock::now() + std::chrono::milliseconds(200);
  EXPECT_EQ(call({{"a", 1}}, context).error().code, ErrorCode::deadline_exceeded);
  const auto asked = requests();
  EXPECT_TRUE(asked.front().headers.find("x-request-deadline-ms"));
  ASSERT_EQ(asked.back().method, "notifications/cancelled");
  EXPECT_EQ(asked.back().message.at("params").at("requestId"),
            asked[asked.size() - 2].message.at("id"));
  EXPECT_EQ(asked.back().headers.get("Mcp-Session-Id"), "session-1");
}

TEST_F(McpStep, TellsTheServerWhenTheCallerLeaves) {
  answer_ = [](const json::object&, base::Context context) {
    return events({": wait\n\n"}, Pieces::End::never, std::move(context));
  };
  base::Context context;
  leaves_ = context.cancellation;
  EXPECT_EQ(call({{"a", 1}}, context).error().code, ErrorCode::cancelled);
  EXPECT_EQ(requests().back().method, "notifications/cancelled");
}

TEST_F(McpStep, SaysWhatWentWrong) {
  struct Row {
    Answer answer;
    ErrorCode code;
    std::string says;
  };
  const std::vector<Row> table = {
      {[](const json::object& message, const base::Context&) {
         return result(message,
                       {{"content", {{{"type", "text"}, {"text", "no tea"}}}}, {"isError", true}});
       },
       ErrorCode::failed_precondition, "failed: no tea"},
      {[](const json::object& message, const base::Context&) {
         return http::Response::json(
             200, contract::write_rpc_error(message.at("id"), {.code = -32602, .message = "no x"}));
       },
       ErrorCode::invalid_argument, "refused the call: no x"},
      {[](const json::object&, const base::Context&) { return http::Response::json(200, "{"); },
       ErrorCode::internal, "is no MCP"},
      {[](const json::object&, const base::Context&) {
         return http::Response::json(200, R"({"jsonrpc":"2.0","id":"x","result":{}})");
       },
       ErrorCode::internal, "is no MCP"},
      {[](const json::object&, const base::Context&) { return http::Response::json(401, ""); },
       ErrorCode::failed_precondition, "API key"},
      {[](const json::object&, const base::Context&) { return http::Response::json(503, ""); },
       ErrorCode::unavailable, "503"},
      {[](const json::object&, base::Context context) {
         return events({"data: {\n\n"}, Pieces::End::proper, std::move(context));
       },
       ErrorCode::internal, "is no MCP"},
      {[](const json::object&, base::Context context) {
         return events({": nothing\n\n"}, Pieces::End::proper, std::move(context));
       },
       ErrorCode::unavailable, "broke off"}};
  for (const Row& row : table) {
    answer_ = row.answer;
    const auto failed = call({{"a", 1}});
    ASSERT_FALSE(failed) << row.says;
    EXPECT_EQ(failed.error().code, row.code) << failed.error().message;
    EXPECT_TRUE(failed.error().message.contains(row.says)) << failed.error().message;
    EXPECT_TRUE(failed.error().message.contains("the MCP tool 'add' at http://127.0.0.1:"))
        << failed.error().message;
  }
}

TEST_F(McpStep, RefusesWhatItCannotSpeak) {
  EXPECT_EQ(call(json::value(5)).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(requests().empty());
  version_ = "2031-01-01";
  EXPECT_EQ(call({{"a", 1}}).error().code, ErrorCode::failed_precondition);
  version_ = "2025-06-18";
  session_ = "with a blank";
  EXPECT_EQ(call({{"a", 1}}).error().code, ErrorCode::internal);
}

}  // namespace
}  // namespace opaline::services
