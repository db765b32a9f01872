#include "services/remote/remote_service.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>

#include "contract/chat_reply_json.hpp"
#include "services/remote/scripted_server.hpp"

namespace opaline::services {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using contract::ChatReply;
using contract::ChatRequest;
using contract::ChatStream;
using contract::EmbeddingReply;
using contract::EmbeddingRequest;
using contract::Reply;
using contract::RerankingReply;
using contract::RerankingRequest;
using contract::RetrievalReply;
using contract::RetrievalRequest;
using contract::ServiceKind;
using End = ScriptedBody::End;
using Peer = RemoteSettings::Peer;

http::Response json_response(std::string body) {
  return http::Response::json(200, std::move(body));
}

http::Response events(std::vector<std::string> pieces, End end = End::proper) {
  http::Response response;
  response.headers.add("Content-Type", "text/event-stream");
  response.stream = std::make_unique<ScriptedBody>(std::move(pieces), end);
  return response;
}

std::string token(std::string_view text) {
  return R"(data: {"model":"m","choices":[{"index":0,"delta":{"content":")" + std::string(text) +
         "\"},\"finish_reason\":null}]}\n\n";
}
constexpr std::string_view kFinish =
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n";
constexpr std::string_view kDone = "data: [DONE]\n\n";

base::Task<> call_into(base::Result<Reply>& into, contract::Service& service,
                       contract::Request request, base::Context context) {
  into = co_await service.call(std::move(request), std::move(context));
}

/// What came out of a stream: its pieces, and how it ended.
struct Streamed {
  std::vector<std::string> pieces;
  std::optional<ChatReply> end;
  std::optional<base::Error> error;
};

base::Task<> stream_into(Streamed& into, contract::Service& service, ChatRequest request,
                         base::Context context) {
  request.stream = true;
  auto reply = co_await service.call(std::move(request), std::move(context));
  if (!reply) {
    into.error = reply.error();
    co_return;
  }
  const auto stream = std::get<std::unique_ptr<ChatStream>>(std::move(*reply));
  while (!into.end && !into.error) {
    auto delta = co_await stream->next();
    if (!delta) {
      into.error = delta.error();
    } else if (delta->end) {
      into.end = std::move(delta->end);
    } else {
      into.pieces.push_back(std::move(delta->text));
    }
  }
}

class Remote : public testing::Test {
 protected:
  /// A service of `kind` at `path` of a server that answers as told.
  contract::Service& at(ServiceKind kind, std::string path, ScriptedServer::Answer answer,
                        RemoteSettings settings = {}) {
    server_ = std::make_unique<ScriptedServer>(std::move(answer));
    settings.kind = kind;
    settings.path = std::move(path);
    settings.endpoint = {.scheme = http::Endpoint::Scheme::http,
                         .host = "127.0.0.1",
                         .port = server_->port(),
                         .base_path = ""};
    auto service = RemoteService::create(std::move(settings), client_);
    EXPECT_TRUE(service) << service.error().message;
    service_ = std::move(*service);
    return *service_;
  }
  contract::Service& answering(ServiceKind kind, std::string path, std::string body,
                               RemoteSettings settings = {}) {
    return at(
        kind, std::move(path), [body](const http::Request&) { return json_response(body); },
        std::move(settings));
  }
  contract::Service& streaming(std::vector<std::string> pieces, End end = End::proper) {
    return at(ServiceKind::llm, "/v1/chat/completions",
              [=](const http::Request&) { return events(pieces, end); });
  }

  static base::Result<Reply> call(contract::Service& service, contract::Request request,
                                  base::Context context = {}) {
    base::Result<Reply> reply = base::fail(ErrorCode::internal, "it did not end");
    run_task(call_into(reply, service, std::move(request), std::move(context)));
    return reply;
  }
  template <class T>
  static T ok(contract::Service& service, contract::Request request, base::Context context = {}) {
    auto reply = call(service, std::move(request), std::move(context));
    EXPECT_TRUE(reply) << reply.error().message << " " << reply.error().detail;
    if (!reply) return T();
    return std::get<T>(std::move(*reply));
  }
  static Streamed stream(contract::Service& service, ChatRequest request,
                         base::Context context = {}) {
    Streamed streamed;
    run_task(stream_into(streamed, service, std::move(request), std::move(context)));
    return streamed;
  }
  static ChatRequest question() {
    ChatRequest request;
    request.messages = {{"user", "Hi?"}};
    return request;
  }
  static RerankingRequest passages(std::size_t count, int top_n) {
    RerankingRequest request{.query = "q", .hits = {}, .top_n = top_n};
    for (std::size_t i = 0; i < count; ++i)
      request.hits.emplace_back().text = "t" + std::to_string(i);
    return request;
  }

  http::Client client_;
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<RemoteService> service_;
};

// --- Embedding

TEST_F(Remote, AsksTeiForVectors) {
  auto& service = answering(ServiceKind::embedding, "/embed", "[[0.5,1]]");
  EXPECT_EQ(ok<EmbeddingReply>(service, EmbeddingRequest{.texts = {"What is OPEA?"}, .model = {}})
                .vectors,
            (std::vector<std::vector<float>>{{0.5F, 1}}));
  EXPECT_EQ(server_->last().path, "/embed");
  EXPECT_EQ(server_->last().method, "POST");
  EXPECT_EQ(server_->last().body, R"({"inputs":"What is OPEA?"})");
  EXPECT_EQ(server_->last().headers.get("content-type"), "application/json");
  EXPECT_FALSE(server_->last().headers.find("authorization"));
  EXPECT_FALSE(server_->last().headers.find("x-request-deadline-ms"));
}

TEST_F(Remote, SplitsWhatTeiWouldRefuse) {
  auto& service = at(ServiceKind::embedding, "/embed", [](const http::Request& request) {
    const auto body = boost::json::parse(request.body);
    std::string rows;
    for (const auto& text : body.at("inputs").as_array()) {
      rows += std::string(rows.empty() ? "[[" : ",[") + text.as_string().c_str() + "]";
    }
    return json_response(rows + "]");
  });
  EmbeddingRequest request;
  for (int i = 1; i <= 70; ++i) request.texts.push_back(std::to_string(i));
  const auto reply = ok<EmbeddingReply>(service, request);
  ASSERT_EQ(reply.vectors.size(), 70U);
  for (std::size_t i = 0; i < 70; ++i)
    EXPECT_EQ(reply.vectors[i], std::vector<float>{static_cast<float>(i + 1)});
  EXPECT_EQ(server_->requests().size(), 3U);
}

TEST_F(Remote, AsksOpenAiForVectors) {
  auto& service = answering(
      ServiceKind::embedding, "/v1/embeddings",
      R"({"object":"list","model":null,"data":[{"index":0,"object":"embedding","embedding":[1]}],"usage":null})",
      {.model = "bge"});
  const EmbeddingRequest request{
      .texts = {"a"}, .model = "other", .priority = EmbeddingRequest::Priority::bulk};
  EXPECT_EQ(ok<EmbeddingReply>(service, request).vectors.size(), 1U);
  EXPECT_EQ(server_->last().body, R"({"input":"a","model":"bge"})")
      << "nothing that OpenAI does not know";
}

TEST_F(Remote, OurOwnProcessSendsVectorsInBase64) {
  auto& service = answering(ServiceKind::embedding, "",
                            R"({"data":[{"index":0,"embedding":"AACAPw=="}],"warnings":["w"]})",
                            {.peer = Peer::opaline});
  const auto reply = ok<EmbeddingReply>(
      service,
      EmbeddingRequest{.texts = {"a"}, .model = {}, .priority = EmbeddingRequest::Priority::bulk});
  EXPECT_EQ(reply.vectors, (std::vector<std::vector<float>>{{1}}));
  EXPECT_EQ(reply.warnings, std::vector<std::string>{"w"});
  EXPECT_EQ(server_->last().path, "/v1/embeddings");
  EXPECT_EQ(server_->last().body, R"({"input":"a","encoding_format":"base64","priority":"bulk"})");
}

// --- Retrieval and reranking

TEST_F(Remote, AsksOpeaForPassages) {
  auto& service = answering(
      ServiceKind::retrieval, "/v1/retrieval",
      R"({"id":"x","retrieved_docs":[{"id":"d0","text":"t"}],"initial_query":"q","top_n":1})");
  const auto reply = ok<RetrievalReply>(
      service, RetrievalRequest{.text = "q", .embedding = {1}, .search = {}, .top_n = 3});
  EXPECT_EQ(reply.hits.at(0).text, "t");
  EXPECT_EQ(reply.top_n, 3) << "the caller's, which OPEA does not send there";
  EXPECT_TRUE(server_->last().body.starts_with(
      R"({"text":"q","embedding":[1],"search_type":"similarity",)"));
}

TEST_F(Remote, AsksForRerankingInThreeDialects) {
  auto& tei = answering(ServiceKind::reranking, "/rerank",
                        R"([{"index":1,"score":0.9},{"index":0,"score":0.5}])");
  EXPECT_EQ(ok<RerankingReply>(tei, passages(2, 1)).hits.at(0).text, "t1");
  EXPECT_EQ(server_->last().body, R"({"query":"q","texts":["t0","t1"]})");
  auto& cohere = answering(ServiceKind::reranking, "/v1/rerank",
                           R"({"results":[{"index":1,"relevance_score":0.9}]})");
  EXPECT_EQ(ok<RerankingReply>(cohere, passages(2, 1)).hits.at(0).scores.rerank, 0.9);
  EXPECT_EQ(server_->last().body, R"({"query":"q","documents":["t0","t1"],"top_n":1})");
  auto& opea = answering(ServiceKind::reranking, "/v1/reranking",
                         R"({"reranked_docs":[{"text":"t1"}],"initial_query":"q"})");
  EXPECT_EQ(ok<RerankingReply>(opea, passages(2, 1)).hits.at(0).text, "t1");
  EXPECT_EQ(server_->last().body,
            R"({"input":"q","retrieved_docs":[{"text":"t0"},{"text":"t1"}],"top_n":1})");
}

TEST_F(Remote, RanksAcrossBatches) {
  auto& service = at(ServiceKind::reranking, "/rerank", [](const http::Request& request) {
    const auto body = boost::json::parse(request.body);
    boost::json::array ranked;
    for (std::size_t i = 0; i < body.at("texts").as_array().size(); ++i) {
      const double score = std::atof(body.at("texts").at(i).as_string().c_str() + 1) / 100;
      ranked.push_back({{"index", i}, {"score", score}});
    }
    return json_response(boost::json::serialize(ranked));
  });
  const auto reply = ok<RerankingReply>(service, passages(40, 2));
  ASSERT_EQ(reply.hits.size(), 2U);
  EXPECT_EQ(reply.hits[0].text, "t39");
  EXPECT_EQ(reply.hits[1].text, "t38");
  EXPECT_EQ(server_->requests().size(), 2U);
}

TEST_F(Remote, DoesNotAskToRankNothing) {
  auto& service = answering(ServiceKind::reranking, "/rerank", "[]");
  EXPECT_TRUE(ok<RerankingReply>(service, passages(0, 1)).hits.empty());
  EXPECT_TRUE(server_->requests().empty());
}

// --- Chat

TEST_F(Remote, AsksForAnAnswer) {
  auto& service = answering(
      ServiceKind::llm, "/v1/chat/completions",
      R"({"model":"big","choices":[{"message":{"role":"assistant","content":"Yes."},"finish_reason":"length"}],
                                "usage":{"prompt_tokens":7,"completion_tokens":2}})",
      {.model = "m"});
  const auto reply = ok<ChatReply>(service, question());
  EXPECT_EQ(reply.text, "Yes.");
  EXPECT_EQ(reply.finish_reason, contract::FinishReason::length);
  EXPECT_EQ(reply.usage.prompt_tokens, 7U);
  EXPECT_EQ(reply.model, "big");
  EXPECT_EQ(server_->last().body,
            R"({"model":"m","messages":[{"role":"user","content":"Hi?"}],"stream":false})");
}

TEST_F(Remote, APromptGoesToCompletions) {
  auto& service =
      answering(ServiceKind::llm, "/v1/chat/completions", R"({"choices":[{"text":" there"}]})");
  ChatRequest request;
  request.prompt = "Hi";
  EXPECT_EQ(ok<ChatReply>(service, request).text, " there");
  EXPECT_EQ(server_->last().path, "/v1/completions");
}

TEST_F(Remote, StreamsAnAnswerCutAnywhere) {
  const std::string whole =
      token("Hel") + ": comment\n\n" + token("lo") + std::string(kFinish) +
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n" +
      std::string(kDone);
  for (const std::size_t size : {1UL, 7UL, 1000UL}) {
    std::vector<std::string> pieces;
    for (std::size_t i = 0; i < whole.size(); i += size) pieces.push_back(whole.substr(i, size));
    const auto streamed = stream(streaming(pieces), question());
    ASSERT_TRUE(streamed.end) << streamed.error->message;
    EXPECT_EQ(streamed.pieces, (std::vector<std::string>{"Hel", "lo"}));
    EXPECT_EQ(streamed.end->finish_reason, contract::FinishReason::length);
    EXPECT_EQ(streamed.end->usage.total_tokens(), 5U);
    EXPECT_EQ(streamed.end->model, "m");
  }
  EXPECT_TRUE(server_->last().body.contains(R"("stream":true)"));
  EXPECT_TRUE(server_->last().body.contains(R"("stream_options":{"include_usage":true})"));
  EXPECT_EQ(server_->last().headers.get("accept"), "text/event-stream");
}

TEST_F(Remote, CompletesJsonWithItsModelAndAsksForTheUsageOfAStream) {
  std::string model = "big";
  const auto sent = [this, &model](std::string_view body, bool stream, std::string path) {
    contract::Service& service =
        at(ServiceKind::custom, std::move(path),
           [](const http::Request&) { return http::Response::json(503, "{}"); }, {.model = model});
    (void)call(service, contract::JsonRequest{.body = boost::json::parse(body), .stream = stream});
    return server_->last().body;
  };
  const std::string chat = "/v1/chat/completions";
  EXPECT_EQ(sent(R"({"messages":"a"})", false, chat), R"({"messages":"a","model":"big"})");
  EXPECT_EQ(sent(R"({"model":""})", false, chat), R"({"model":"big"})");
  EXPECT_EQ(sent(R"({"model":"small"})", false, chat), R"({"model":"small"})");
  EXPECT_EQ(sent("[1]", false, chat), "[1]");
  EXPECT_EQ(sent("{}", true, chat), R"({"model":"big","stream_options":{"include_usage":true}})");
  EXPECT_EQ(sent(R"({"stream_options":null})", true, chat),
            R"({"stream_options":null,"model":"big"})");
  EXPECT_EQ(sent("{}", true, "/v1/docsum"), R"({"model":"big"})");
  EXPECT_EQ(sent(R"({"model":null})", false, chat), R"({"model":"big"})");
  model = "";
  EXPECT_EQ(sent(R"({"model":null})", false, chat), R"({"model":null})");
  EXPECT_EQ(sent("{}", false, chat), "{}");
}

TEST_F(Remote, AStreamIsWholeWithDoneOrAFinishReason) {
  EXPECT_TRUE(stream(streaming({token("x"), std::string(kDone)}), question()).end);
  EXPECT_TRUE(stream(streaming({token("x"), std::string(kFinish)}), question()).end);
  EXPECT_TRUE(stream(streaming({token("x"), std::string(kFinish)}, End::broken), question()).end);
}

TEST_F(Remote, AnAnswerThatBreaksOffIsUnavailable) {
  const std::vector<std::pair<std::vector<std::string>, End>> table = {
      {{token("x")}, End::proper},
      {{token("x")}, End::broken},
      {{token("x"), "data: {\"choices\":[{\"de"}, End::proper},
      {{token("x"), "data: {\"choices\":[{\"de"}, End::broken},
      {{std::string(kFinish), "data: {\"cho"}, End::proper},
      {{}, End::proper},
      {{token("x"), "data: {\"error\":{\"message\":\"out of memory\"}}\n\n"}, End::proper},
  };
  for (const auto& [pieces, end] : table) {
    const auto streamed = stream(streaming(pieces, end), question());
    ASSERT_TRUE(streamed.error);
    EXPECT_EQ(streamed.error->code, ErrorCode::unavailable) << streamed.error->message;
  }
}

TEST_F(Remote, AnEventThatIsNoChunkIsInternal) {
  const auto streamed = stream(streaming({token("x"), "data: oops\n\n"}), question());
  EXPECT_EQ(streamed.pieces, std::vector<std::string>{"x"});
  EXPECT_EQ(streamed.error->code, ErrorCode::internal);
  EXPECT_TRUE(streamed.error->message.ends_with(
      "answered with something that is not a chat completion chunk"));
}

TEST_F(Remote, ARefusedStreamSaysWhy) {
  auto& service = at(ServiceKind::llm, "",
                     [](const http::Request&) { return http::Response::json(422, "too long"); });
  const auto streamed = stream(service, question());
  EXPECT_EQ(streamed.error->code, ErrorCode::invalid_argument);
  EXPECT_EQ(streamed.error->detail, "status 422: too long");
}

base::Task<> two_streams(contract::Service& service) {
  for (int i = 0; i < 2; ++i) {
    Streamed streamed;
    co_await stream_into(streamed, service,
                         ChatRequest{.messages = {{"user", "q"}}, .prompt = {}, .model = {}}, {});
    EXPECT_TRUE(streamed.end);
  }
}

TEST_F(Remote, AFinishedStreamLeavesItsConnection) {
  auto& service = streaming({token("x"), std::string(kDone)}, End::late);
  run_task(two_streams(service));
  const auto requests = server_->requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].peer, requests[1].peer);
}

TEST_F(Remote, AServerThatHoldsTheConnectionAfterDoneDelaysNobody) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(stream(streaming({token("x"), std::string(kDone)}, End::never), question()).end);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
}

// --- What may go wrong

TEST_F(Remote, MapsTheStatusOfTheOtherSide) {
  for (const auto& [status, code] : {std::pair{400U, ErrorCode::invalid_argument},
                                     {404U, ErrorCode::failed_precondition},
                                     {429U, ErrorCode::resource_exhausted},
                                     {500U, ErrorCode::unavailable}}) {
    auto& service = at(ServiceKind::embedding, "/embed", [status](const http::Request&) {
      return http::Response::json(status, "{\"secret\":1}");
    });
    const auto reply = call(service, EmbeddingRequest{.texts = {"a"}, .model = {}});
    EXPECT_EQ(reply.error().code, code) << status;
    EXPECT_EQ(reply.error().detail, "status " + std::to_string(status) + ": {\"secret\":1}");
  }
}

TEST_F(Remote, AReplyOfAnotherKindIsInternal) {
  const std::string page = "<html>welcome</html>";
  const auto check = [&](ServiceKind kind, contract::Request request, std::string_view what) {
    const auto reply = call(answering(kind, "", page), std::move(request));
    EXPECT_EQ(reply.error().code, ErrorCode::internal);
    EXPECT_TRUE(
        reply.error().message.ends_with("answered with something that is not " + std::string(what)))
        << reply.error().message;
    EXPECT_NE(reply.error().detail.find(page), std::string::npos);
  };
  check(ServiceKind::embedding, EmbeddingRequest{.texts = {"a"}, .model = {}},
        "an embedding reply");
  check(ServiceKind::retrieval, RetrievalRequest{.text = "q", .embedding = {}, .search = {}},
        "a retrieval reply");
  check(ServiceKind::reranking, passages(1, 1), "a reranking reply");
  check(ServiceKind::llm, question(), "a chat completion");
}

TEST_F(Remote, NobodyThereIsUnavailable) {
  auto& service = answering(ServiceKind::embedding, "/embed", "[[1]]");
  server_.reset();
  EXPECT_EQ(call(service, EmbeddingRequest{.texts = {"a"}, .model = {}}).error().code,
            ErrorCode::unavailable);
}

TEST_F(Remote, AServerThatHangsCostsTheDeadline) {
  base::Context context;
  context.deadline = base::Context::Clock::now() + 100ms;
  EXPECT_EQ(stream(streaming({token("x")}, End::never), question(), context).error->code,
            ErrorCode::deadline_exceeded);
}

base::Task<> cancel_soon(base::Context context) {
  co_await base::sleep_for(50ms, nullptr);
  context.cancellation->request();
}

TEST_F(Remote, CancellingEndsAStream) {
  auto& service = streaming({token("x")}, End::never);
  base::Context context;
  Streamed streamed;
  base::EventLoop loop(1);
  const auto quiet = [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); };
  boost::asio::co_spawn(loop, stream_into(streamed, service, question(), context), quiet);
  boost::asio::co_spawn(loop, cancel_soon(context), quiet);
  loop.run_for(5s);
  ASSERT_TRUE(streamed.error);
  EXPECT_EQ(streamed.error->code, ErrorCode::cancelled);
}

TEST_F(Remote, SendsTheTraceTheDeadlineAndTheKey) {
  ASSERT_EQ(setenv("OPALINE_REMOTE_TEST_KEY", "sk-1", 1), 0);
  auto& service = answering(ServiceKind::embedding, "/embed", "[[1]]",
                            {.api_key = "env:OPALINE_REMOTE_TEST_KEY"});
  base::Context context;
  context.trace = base::TraceContext::start();
  context.deadline = base::Context::Clock::now() + 60s;
  (void)ok<EmbeddingReply>(service, EmbeddingRequest{.texts = {"a"}, .model = {}}, context);
  const auto headers = server_->last().headers;
  EXPECT_EQ(headers.get("authorization"), "Bearer sk-1");
  EXPECT_NE(headers.get("traceparent").find(context.trace.trace_id_hex()), std::string_view::npos);
  const int left = std::atoi(std::string(headers.get("x-request-deadline-ms")).c_str());
  EXPECT_GT(left, 30'000);
  EXPECT_LE(left, 60'000);
}

TEST_F(Remote, TakesItsOwnKindOfRequestOnly) {
  auto& service = answering(ServiceKind::embedding, "/embed", "[[1]]");
  EXPECT_EQ(call(service, question()).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(call(service, EmbeddingRequest{}).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(server_->requests().empty());
  EXPECT_EQ(RemoteService::create({.kind = ServiceKind::dataprep}, client_).error().code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(RemoteService::create({.api_key = "sk-clear"}, client_).error().code,
            ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace opaline::services
