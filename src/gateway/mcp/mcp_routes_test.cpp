#include "gateway/mcp/mcp_routes.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/limits.hpp"
#include "contract/event_stream.hpp"
#include "gateway/deployment_fixture.hpp"
#include "gateway/mcp/mcp_server.hpp"

namespace opaline::gateway {
namespace {

namespace json = boost::json;

class Mcp : public Deployment {
 protected:
  static std::string message(std::int64_t id, std::string_view method, json::object parameters) {
    return json::serialize(json::object{
        {"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(parameters)}});
  }
  static std::string call_of(std::string_view tool, json::object arguments, std::int64_t id = 1) {
    return message(id, "tools/call", {{"name", tool}, {"arguments", std::move(arguments)}});
  }

  http::Response send(std::string body, const http::Headers& headers = {}) {
    http::Request asked = request("POST", "/mcp", std::move(body));
    for (const auto& [name, value] : headers.fields()) asked.headers.add(name, value);
    return ask(std::move(asked));
  }
  json::object result(std::string body) {
    const auto reply = send(std::move(body));
    EXPECT_EQ(reply.status, 200u) << reply.body;
    const auto value = Deployment::json(reply);
    const auto* found = value.as_object().if_contains("result");
    EXPECT_NE(found, nullptr) << reply.body;
    return found == nullptr ? json::object() : found->as_object();
  }
  static std::int64_t rpc_code(const http::Response& reply) {
    return Deployment::json(reply).at("error").at("code").as_int64();
  }
  std::string initialized() {
    const auto reply = send(message(1, "initialize", {{"protocolVersion", "2025-06-18"}}));
    return std::string(reply.headers.get("Mcp-Session-Id"));
  }
  static http::Headers with(std::string name, std::string value) {
    http::Headers headers;
    headers.add(std::move(name), std::move(value));
    return headers;
  }
  static std::vector<json::value> messages(const std::string& events) {
    contract::EventParser parser;
    EXPECT_TRUE(parser.feed(events));
    std::vector<json::value> all;
    while (const auto event = parser.next()) {
      if (event->type == "message") all.push_back(json::parse(event->data));
    }
    return all;
  }
};

TEST_F(Mcp, NegotiatesTheVersionAndOpensASession) {
  for (const auto& [asked, spoken] :
       std::vector<std::pair<std::string, std::string>>{{"2025-06-18", "2025-06-18"},
                                                        {"2025-03-26", "2025-03-26"},
                                                        {"2024-11-05", "2024-11-05"},
                                                        {"2031-01-01", "2025-06-18"}}) {
    const auto reply = send(message(1, "initialize", {{"protocolVersion", asked}}));
    EXPECT_EQ(reply.headers.get("Mcp-Session-Id").size(), 32u);
    const auto body = Deployment::json(reply);
    EXPECT_EQ(body.at_pointer("/result/protocolVersion").as_string(), spoken);
    EXPECT_EQ(body.at_pointer("/result/serverInfo/name").as_string(), "opaline");
    EXPECT_TRUE(body.at_pointer("/result/capabilities").as_object().contains("tools"));
    EXPECT_FALSE(body.at_pointer("/result/capabilities").as_object().contains("resources"));
  }
}

TEST_F(Mcp, DescribesItsToolsWithSchemas) {
  const auto tools = result(message(1, "tools/list", {})).at("tools").as_array();
  std::vector<std::string> names;
  for (const auto& tool : tools) {
    names.emplace_back(tool.at("name").as_string());
    EXPECT_EQ(tool.at_pointer("/inputSchema/type").as_string(), "object");
    EXPECT_EQ(tool.at_pointer("/outputSchema/type").as_string(), "object");
    EXPECT_TRUE(tool.at_pointer("/annotations/readOnlyHint").as_bool());
    EXPECT_FALSE(tool.at("title").as_string().empty());
    EXPECT_FALSE(tool.at("description").as_string().empty());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"ask", "search", "embed", "rerank"}));
}

TEST_F(Mcp, OffersOnlyWhatTheDeploymentHas) {
  services_ = {};
  open();
  const auto tools = result(message(1, "tools/list", {})).at("tools").as_array();
  ASSERT_EQ(tools.size(), 1u);
  EXPECT_EQ(tools[0].at("name").as_string(), "ask");
}

TEST_F(Mcp, AnswersAQuestionForReadersAndForPrograms) {
  const auto said = result(call_of("ask", {{"question", "Is it so?"}}));
  EXPECT_FALSE(said.at("isError").as_bool());
  EXPECT_EQ(said.at("content").at(0).at("text").as_string(),
            "It is so [1].\n\nSources:\n[1] manual/a.html");
  EXPECT_EQ(said.at("structuredContent").at("answer").as_string(), "It is so [1].");
  EXPECT_FALSE(said.at("structuredContent").at("declined").as_bool());
  EXPECT_EQ(said.at("structuredContent").at("sources").as_array().size(), 2u);
  EXPECT_EQ(counter("rag_queries_total", {{"route", "/mcp#ask"}, {"status", "success"}}), 1);
}

TEST_F(Mcp, SearchesEmbedsAndReranks) {
  const auto found = result(call_of("search", {{"query", "a"}, {"k", 2}}));
  EXPECT_EQ(found.at("structuredContent").at("hits").as_array().size(), 2u);
  EXPECT_TRUE(found.at("content").at(0).at("text").as_string().starts_with("[1] manual/"));
  const auto embedded = result(call_of("embed", {{"input", {"x", "y"}}}));
  EXPECT_EQ(embedded.at("structuredContent").at("data").as_array().size(), 2u);
  const auto ordered =
      result(call_of("rerank", {{"query", "q"}, {"documents", {"x", "y"}}, {"top_n", 1}}));
  EXPECT_EQ(ordered.at("structuredContent").at("results").as_array().size(), 1u);
}

TEST_F(Mcp, TellsAToolsErrorAsAResult) {
  llm_.fail(base::ErrorCode::unavailable, "the model is starting");
  auto said = result(call_of("ask", {{"question", "Is it so?"}}));
  EXPECT_TRUE(said.at("isError").as_bool());
  EXPECT_TRUE(said.at("content").at(0).at("text").as_string().find("the model is starting") !=
              json::string::npos);
  EXPECT_FALSE(said.contains("structuredContent"));
  for (const json::object& arguments :
       {json::object{}, json::object{{"question", " "}}, json::object{{"question", 5}},
        json::object{{"question", "a"}, {"top_k", 0}}}) {
    said = result(call_of("ask", arguments));
    EXPECT_TRUE(said.at("isError").as_bool()) << json::serialize(arguments);
  }
}

TEST_F(Mcp, TellsWrongMessagesAsErrorsOfTheProtocol) {
  struct Row {
    std::string body;
    std::int64_t code;
    unsigned status = 200;
  };
  const std::vector<Row> table = {
      {"{", -32700, 400},
      {"[]", -32600, 400},
      {R"({"jsonrpc":"1.0","id":1,"method":"ping"})", -32600, 400},
      {message(1, "resources/list", {}), -32601},
      {message(1, "initialize", {}), -32602},
      {message(1, "tools/list", {{"cursor", "abc"}}), -32602},
      {message(1, "tools/list", {{"cursor", "4"}}), -32602},
      {message(1, "tools/call", {}), -32602},
      {message(1, "tools/call", {{"name", "drop_all"}}), -32602},
      {message(1, "tools/call", {{"name", "ask"}, {"arguments", "x"}}), -32602}};
  for (const Row& row : table) {
    const auto reply = send(row.body);
    EXPECT_EQ(reply.status, row.status) << row.body;
    EXPECT_EQ(rpc_code(reply), row.code) << row.body << reply.body;
  }
}

TEST_F(Mcp, AcceptsNotificationsAndResponsesWithoutAWord) {
  for (const char* body : {R"({"jsonrpc":"2.0","method":"notifications/initialized"})",
                           R"({"jsonrpc":"2.0","method":"notifications/whatever"})",
                           R"({"jsonrpc":"2.0","id":4,"result":{}})"}) {
    const auto reply = send(body);
    EXPECT_EQ(reply.status, 202u);
    EXPECT_TRUE(reply.body.empty());
  }
}

TEST_F(Mcp, RefusesAVersionThatItDoesNotSpeak) {
  const auto reply = send(message(1, "ping", {}), with("MCP-Protocol-Version", "2031-01-01"));
  EXPECT_EQ(reply.status, 400u);
  EXPECT_EQ(rpc_code(reply), -32600);
  EXPECT_EQ(send(message(1, "ping", {}), with("MCP-Protocol-Version", "2025-03-26")).status, 200u);
}

TEST_F(Mcp, TakesBatchesOnlyInTheVersionThatHasThem) {
  const std::string batch = "[" + message(1, "ping", {}) +
                            R"(,{"jsonrpc":"2.0","method":"notifications/initialized"},7,)" +
                            message(2, "tools/list", {}) + "]";
  const auto reply = send(batch, with("MCP-Protocol-Version", "2025-03-26"));
  EXPECT_EQ(reply.status, 200u);
  const auto answers = Deployment::json(reply).as_array();
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].at("id").as_int64(), 1);
  EXPECT_EQ(answers[1].at("error").at("code").as_int64(), -32600);
  EXPECT_EQ(answers[2].at("id").as_int64(), 2);
  for (const char* version : {"2025-06-18", "2024-11-05"})
    EXPECT_EQ(send(batch, with("MCP-Protocol-Version", version)).status, 400u);
  const std::string begin = message(3, "initialize", {{"protocolVersion", "2025-03-26"}});
  EXPECT_EQ(send("[" + begin + "]").status, 400u);
  EXPECT_EQ(send("[" + message(1, "ping", {}) + "," + begin + "]").status, 400u);
}

TEST_F(Mcp, KnowsTheSessionsItOpened) {
  const std::string id = initialized();
  EXPECT_EQ(send(message(2, "ping", {}), with("Mcp-Session-Id", id)).status, 200u);
  EXPECT_EQ(send(message(2, "ping", {}), with("Mcp-Session-Id", "0")).status, 404u);
  http::Request end = request("DELETE", "/mcp");
  EXPECT_EQ(ask(end).status, 400u);
  end.headers.add("Mcp-Session-Id", id);
  EXPECT_EQ(ask(end).status, 204u);
  EXPECT_EQ(ask(end).status, 404u);
  EXPECT_EQ(send(message(2, "ping", {}), with("Mcp-Session-Id", id)).status, 404u);
}

TEST_F(Mcp, HasNoStreamOfItsOwnAccord) {
  const auto reply = get("/mcp");
  EXPECT_EQ(reply.status, 405u);
  EXPECT_TRUE(reply.headers.get("Allow").contains("POST"));
}

TEST_F(Mcp, RefusesForeignPagesAndUnknownKeys) {
  EXPECT_EQ(send(message(1, "ping", {}), with("Origin", "http://evil.example")).status, 403u);
  settings_.keys = {{.name = "one", .reference = "sha256:" + std::string(64, 'a')}};
  open();
  EXPECT_EQ(send(message(1, "ping", {})).status, 401u);
  EXPECT_EQ(get("/sse").status, 401u);
}

TEST_F(Mcp, TakesEachCallFromTheRateLimitAlsoInABatch) {
  settings_.rate_limit = {.requests_per_minute = 2, .burst = 2};
  open();
  const auto headers = with("MCP-Protocol-Version", "2025-03-26");
  std::string batch = "[";
  for (int i = 1; i <= 3; ++i)
    batch += call_of("search", {{"query", "a"}}, i) + (i < 3 ? "," : "]");
  const auto answers = Deployment::json(send(batch, headers)).as_array();
  EXPECT_FALSE(answers.at(1).at("result").at("isError").as_bool());
  EXPECT_TRUE(answers.at(2).at("result").at("isError").as_bool());
  EXPECT_TRUE(answers.at(2).at_pointer("/result/content/0/text").as_string().find("too many") !=
              json::string::npos);
  EXPECT_EQ(send(message(1, "ping", {})).status, 200u);
}

TEST_F(Mcp, TellsThePiecesOfAnAnswerToThoseWhoAskForProgress) {
  auto reply = send(message(9, "tools/call",
                            {{"name", "ask"},
                             {"arguments", {{"question", "Is it so?"}}},
                             {"_meta", {{"progressToken", "t"}}}}),
                    with("Accept", "application/json, text/event-stream"));
  EXPECT_TRUE(reply.headers.get("Content-Type").starts_with("text/event-stream"));
  const auto all = messages(streamed(reply));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].at("method").as_string(), "notifications/progress");
  EXPECT_EQ(all[0].at_pointer("/params/progressToken").as_string(), "t");
  EXPECT_EQ(all[0].at_pointer("/params/progress").as_int64(), 1);
  EXPECT_EQ(all[0].at_pointer("/params/message").as_string(), "It is ");
  EXPECT_EQ(all[1].at_pointer("/params/progress").as_int64(), 2);
  EXPECT_EQ(all[2].at("id").as_int64(), 9);
  EXPECT_EQ(all[2].at_pointer("/result/structuredContent/answer").as_string(), "It is so [1].");
}

TEST_F(Mcp, RepliesJsonToAClientThatTakesNoEvents) {
  const auto reply = send(message(9, "tools/call",
                                  {{"name", "ask"},
                                   {"arguments", {{"question", "Is it so?"}}},
                                   {"_meta", {{"progressToken", 1}}}}));
  EXPECT_FALSE(reply.stream);
  EXPECT_EQ(Deployment::json(reply).at_pointer("/result/isError").as_bool(), false);
}

TEST_F(Mcp, EndsACallThatIsCalledOff) {
  auto dropped = std::make_shared<bool>(false);
  llm_.set([dropped](const auto&, const base::Context& context) -> base::Result<contract::Reply> {
    std::vector<base::Result<contract::ChatDelta>> items;
    items.push_back(piece("It"));
    return contract::Reply(std::make_unique<ScriptedStream>(std::move(items), context,
                                                            ScriptedStream::Ending::hold, dropped));
  });
  const std::string id = initialized();
  http::Headers headers = with("Mcp-Session-Id", id);
  headers.add("Accept", "application/json, text/event-stream");
  auto reply = send(message(9, "tools/call",
                            {{"name", "ask"},
                             {"arguments", {{"question", "Is it so?"}}},
                             {"_meta", {{"progressToken", 1}}}}),
                    headers);
  ASSERT_TRUE(reply.stream);
  const std::shared_ptr<http::BodyStream> body = std::move(reply.stream);
  const auto first = run(loop_, body->next());
  ASSERT_TRUE(first && *first);
  EXPECT_TRUE((*first)->contains("notifications/progress"));
  const std::string cancel =
      R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}})";
  EXPECT_EQ(send(cancel, with("Mcp-Session-Id", "another")).status, 404u);
  EXPECT_EQ(send(cancel, headers).status, 202u);
  EXPECT_EQ(run(loop_, drained(body)), "");
  EXPECT_TRUE(*dropped);
  EXPECT_EQ(counter("rag_queries_total", {{"route", "/mcp#ask"}, {"status", "cancelled"}}), 1);
}

TEST_F(Mcp, StopsTheCallWhenTheClientLeaves) {
  auto dropped = std::make_shared<bool>(false);
  llm_.set([dropped](const auto&, const base::Context& context) -> base::Result<contract::Reply> {
    return contract::Reply(
        std::make_unique<ScriptedStream>(std::vector<base::Result<contract::ChatDelta>>(), context,
                                         ScriptedStream::Ending::hold, dropped));
  });
  auto reply = send(message(9, "tools/call",
                            {{"name", "ask"},
                             {"arguments", {{"question", "Is it so?"}}},
                             {"_meta", {{"progressToken", 1}}}}),
                    with("Accept", "text/event-stream"));
  ASSERT_TRUE(reply.stream);
  loop_.restart();
  loop_.poll();
  reply.stream.reset();
  loop_.restart();
  loop_.run_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(*dropped);
}

TEST_F(Mcp, KeepsWhatACallRunsInUntilItHasEnded) {
  const auto go = std::make_shared<base::Event>(loop_.get_executor());
  auto dropped = std::make_shared<bool>(false);
  llm_.set([go, dropped](const auto&, const auto&) -> base::Result<contract::Reply> {
    return contract::Reply(std::make_unique<LateStream>(go, dropped));
  });
  http::Request asked = request("POST", "/mcp",
                                message(9, "tools/call",
                                        {{"name", "ask"},
                                         {"arguments", {{"question", "Is it so?"}}},
                                         {"_meta", {{"progressToken", 1}}}}));
  asked.headers.add("Accept", "text/event-stream");
  const auto outlived = std::make_shared<bool>(false);
  base::Context context{.request_id = "r-1"};
  context.lease = std::shared_ptr<const void>(
      &loop_, [outlived, dropped](const void*) { *outlived = *dropped; });
  const std::weak_ptr<const void> lease = context.lease;
  auto reply = run(loop_, gateway_->answer(std::move(asked), std::move(context)));
  ASSERT_TRUE(reply.stream);
  ASSERT_TRUE(run(loop_, reply.stream->next()));
  reply.stream.reset();
  llm_.contexts.clear();
  for (ScriptedService* one : {&embedding_, &retrieval_, &reranking_}) one->contexts.clear();
  EXPECT_FALSE(lease.expired());
  go->notify_all();
  loop_.restart();
  loop_.run_for(std::chrono::seconds(1));
  EXPECT_TRUE(lease.expired());
  EXPECT_TRUE(*outlived);
}

TEST_F(Mcp, SpeaksTheOlderTransport) {
  auto listening = get("/sse");
  ASSERT_TRUE(listening.stream);
  const std::shared_ptr<http::BodyStream> body = std::move(listening.stream);
  const std::string opening = run(loop_, body->next()).value().value();
  EXPECT_TRUE(opening.starts_with("event: endpoint\ndata: /messages/?session_id=")) << opening;
  std::string path = opening.substr(opening.find("/messages"));
  path.resize(path.find('\n'));

  EXPECT_EQ(post(path, message(1, "initialize", {{"protocolVersion", "2024-11-05"}})).status, 202u);
  auto all = messages(run(loop_, body->next()).value().value());
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].at_pointer("/result/protocolVersion").as_string(), "2024-11-05");

  EXPECT_EQ(post(path, R"({"jsonrpc":"2.0","method":"notifications/initialized"})").status, 202u);
  EXPECT_EQ(post(path, call_of("ask", {{"question", "Is it so?"}}, 2)).status, 202u);
  all = messages(run(loop_, body->next()).value().value());
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].at_pointer("/result/structuredContent/answer").as_string(), "It is so [1].");

  EXPECT_EQ(post(path, "[" + message(3, "ping", {}) + "]").status, 202u);
  all = messages(run(loop_, body->next()).value().value());
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].at("error").at("code").as_int64(), -32600);
  EXPECT_EQ(post(path, "{").status, 400u);
  EXPECT_EQ(post("/messages/?session_id=0", message(1, "ping", {})).status, 404u);
}

TEST_F(Mcp, ForgetsAListenerThatLeft) {
  auto listening = get("/sse");
  std::string path = run(loop_, listening.stream->next()).value().value();
  path = path.substr(path.find("/messages"));
  path.resize(path.find('\n'));
  listening.stream.reset();
  EXPECT_EQ(post(path, message(1, "ping", {})).status, 404u);
}

TEST(McpServer, ListsManyToolsInPages) {
  base::MetricRegistry registry;
  GatewayMetrics metrics(registry);
  std::vector<McpTool> tools(limits::kMcpPage + 1);
  for (std::size_t i = 0; i < tools.size(); ++i) {
    tools[i].name = "tool" + std::to_string(i);
    tools[i].input_schema = tools[i].output_schema = "{}";
  }
  McpServer server({.own = std::move(tools), .registered = {}}, "1", metrics);
  base::EventLoop loop(1);
  const auto list = [&](json::object parameters) {
    contract::RpcRequest request{
        .id = json::value(1), .method = "tools/list", .parameters = std::move(parameters)};
    return json::parse(*run(loop, server.answer(std::move(request), McpExchange{})))
        .at("result")
        .as_object();
  };
  const auto first = list({});
  EXPECT_EQ(first.at("tools").as_array().size(), limits::kMcpPage);
  const auto second = list({{"cursor", first.at("nextCursor")}});
  EXPECT_EQ(second.at("tools").as_array().size(), 1u);
  EXPECT_FALSE(second.contains("nextCursor"));
}

}  // namespace
}  // namespace opaline::gateway
