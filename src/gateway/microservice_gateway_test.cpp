#include "gateway/microservice_gateway.hpp"

#include "gateway/deployment_fixture.hpp"

namespace opaline::gateway {
namespace {

/// Tells what it was asked; streams when that is wanted; speaks when asked with "speak".
class ScriptedCustom final : public contract::Service {
 public:
  contract::ServiceKind kind() const override { return contract::ServiceKind::custom; }
  contract::Health health() const override { return {}; }
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context /*context*/) override {
    auto& asked = std::get<contract::JsonRequest>(request);
    if (asked.stream) co_return contract::Reply(std::make_unique<OneEvent>());
    if (asked.body == "speak") co_return contract::BytesReply{"audio/wav", "RIFF"};
    boost::json::object echo;
    echo.emplace("echo", std::move(asked.body));
    co_return contract::JsonReply{std::move(echo)};
  }

 private:
  class OneEvent final : public contract::ByteStream {
   public:
    const std::string& content_type() const override { return type_; }
    base::Task<base::Result<std::optional<std::string>>> next() override {
      if (std::exchange(told_, true)) co_return std::nullopt;
      co_return "data: hi\n\n";
    }

   private:
    std::string type_ = "text/event-stream";
    bool told_ = false;
  };
};

class MicroserviceGateways : public Deployment {
 protected:
  void host(std::vector<HostedService> hosted) {
    alone_ = MicroserviceGateway::create(settings_, hosted, registry_, [] {
               return std::string("text");
             }).value();
  }
  http::Response ask_alone(std::string method, std::string path, std::string body = "") {
    return run(loop_,
               alone_->request_handler()(
                   request(std::move(method), std::move(path), std::move(body)), base::Context{}));
  }

  std::unique_ptr<MicroserviceGateway> alone_;
};

TEST_F(MicroserviceGateways, ServeTheirOwnRoutesAndNoOthers) {
  host({{embedding_, ""}, {reranking_, ""}});
  EXPECT_EQ(ask_alone("POST", "/v1/embeddings", R"({"input":"a"})").status, 200u);
  EXPECT_EQ(ask_alone("POST", "/embed", R"({"inputs":["a","b"]})").body,
            "[[0.5,-0.25],[0.5,-0.25]]");
  const auto ranked = json(ask_alone("POST", "/rerank", R"({"query":"q","texts":["a","b"]})"));
  EXPECT_EQ(ranked.at(0).at("index").to_number<int>(), 1);
  EXPECT_EQ(
      ask_alone("POST", "/v1/rerank", R"({"query":"q","documents":["a","b"],"top_n":1})").status,
      200u);
  EXPECT_EQ(
      ask_alone("POST", "/v1/reranking", R"({"initial_query":"q","retrieved_docs":[{"text":"a"}]})")
          .status,
      200u);
  for (const char* path : {"/v1/chat/completions", "/v1/retrieval", "/rag", "/v1/search",
                           "/v1/documents", "/v1/models"}) {
    EXPECT_EQ(ask_alone("POST", path, "{}").status, 404u) << path;
  }
  for (const char* path : {"/health", "/healthz", "/readyz", "/v1/health_check", "/metrics",
                           "/v1/statistics", "/openapi.json", "/docs"}) {
    EXPECT_EQ(ask_alone("GET", path).status, 200u) << path;
  }
  EXPECT_EQ(json(ask_alone("GET", "/v1/health_check")).at("Service Title").as_string(),
            "opaline/embedding/reranking");
}

TEST_F(MicroserviceGateways, AnswerAtTheEndpointOfTheFlowFile) {
  host({{retrieval_, "/my/retriever"}});
  EXPECT_EQ(ask_alone("POST", "/my/retriever", R"({"text":"q"})").status, 200u);
  const auto reply = json(ask_alone("POST", "/v1/retrieval", R"({"text":"q","k":2})"));
  EXPECT_EQ(reply.at("initial_query").as_string(), "q");
  EXPECT_EQ(reply.at("retrieved_docs").as_array().size(), 3u);
}

TEST_F(MicroserviceGateways, ServeAServiceOfOnesOwn) {
  ScriptedCustom own;
  host({{own, "/v1/own"}});
  EXPECT_EQ(ask_alone("POST", "/v1/own", R"({"text":"hi"})").body, R"({"echo":{"text":"hi"}})");
  auto streamed_reply = ask_alone("POST", "/v1/own", R"({"text":"hi","stream":true})");
  EXPECT_EQ(streamed_reply.headers.get("Content-Type"), "text/event-stream");
  EXPECT_EQ(streamed(streamed_reply), "data: hi\n\n");
  const auto wav = ask_alone("POST", "/v1/own", R"("speak")");
  EXPECT_EQ(wav.headers.get("Content-Type"), "audio/wav");
  EXPECT_EQ(wav.body, "RIFF");
  EXPECT_EQ(ask_alone("POST", "/v1/own", "{").status, 400u);
  EXPECT_EQ(ask_alone("POST", "/v1/own", R"({"stream":"perhaps"})").status, 400u);
  EXPECT_EQ(ask_alone("POST", "/v1/dataprep/ingest", "{}").status, 404u);
  EXPECT_EQ(json(ask_alone("GET", "/v1/health_check")).at("Service Title").as_string(),
            "opaline/custom");
}

TEST_F(MicroserviceGateways, LetAModelAnswerAlone) {
  host({{llm_, ""}});
  auto reply =
      ask_alone("POST", "/v1/chat/completions",
                R"({"model":"any","messages":[{"role":"user","content":"q"}],"stream":true})");
  EXPECT_EQ(reply.status, 200u);
  EXPECT_TRUE(streamed(reply).ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(
      json(ask_alone("POST", "/v1/completions", R"({"prompt":"p"})")).at("object").as_string(),
      "text_completion");
  EXPECT_EQ(json(ask_alone("POST", "/v1/chat/completions", R"({"messages":"q"})"))
                .at("object")
                .as_string(),
            "text_completion");
}

TEST_F(MicroserviceGateways, AreReadyWhenTheirServicesAre) {
  host({{embedding_, ""}, {llm_, ""}});
  llm_.state = {.state = contract::Health::State::starting, .reason = "loading the model"};
  const auto reply = ask_alone("GET", "/readyz");
  EXPECT_EQ(reply.status, 503u);
  EXPECT_EQ(json(reply).at_pointer("/reasons/0").as_string(), "llm: loading the model");
  EXPECT_EQ(ask_alone("GET", "/health").status, 200u);
}

TEST_F(MicroserviceGateways, RefuseWhatIsNoRequestOfTheirs) {
  host({{embedding_, ""}, {retrieval_, ""}, {reranking_, ""}, {llm_, ""}});
  for (const char* path : {"/v1/embeddings", "/embed", "/v1/reranking", "/rerank", "/v1/rerank",
                           "/v1/chat/completions", "/v1/completions"}) {
    for (const char* body : {"", "{", "[]", "{}", "\xff"}) {
      EXPECT_EQ(ask_alone("POST", path, body).status, 400u) << path << " " << body;
    }
  }
}

TEST_F(MicroserviceGateways, AreAPartOfTheWholeToo) {
  EXPECT_EQ(post("/v1/embeddings", R"({"input":["a"],"encoding_format":"base64"})").status, 200u);
  EXPECT_EQ(post("/v1/retrieval", R"({"text":"q"})").status, 200u);
  EXPECT_EQ(post("/rerank", R"({"query":"q","texts":["a"]})").status, 200u);
  services_.reranking = nullptr;
  open();
  const auto reply = post("/rerank", R"({"query":"q","texts":["a"]})");
  EXPECT_EQ(reply.status, 404u);
  EXPECT_NE(reply.body.find("no reranking service"), std::string::npos);
}

TEST_F(MicroserviceGateways, TakeLargerBodiesThanQuestionsAre) {
  http::ServerSettings server;
  gateway_->install(server);
  EXPECT_GT(server.limits_for(request("POST", "/v1/embeddings")).body_bytes,
            server.limits_for(request("POST", "/rag")).body_bytes);
}

}  // namespace
}  // namespace opaline::gateway
