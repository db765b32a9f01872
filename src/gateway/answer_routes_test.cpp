#include "gateway/answer_routes.hpp"

#include "gateway/deployment_fixture.hpp"

namespace opaline::gateway {
namespace {

using base::ErrorCode;
using AnswerRoutes = Deployment;

TEST_F(AnswerRoutes, ChatqnaStreamsUnlessToldNotTo) {
  auto reply = post("/v1/chatqna", R"({"messages":"Is it so?"})");
  EXPECT_EQ(reply.status, 200u);
  EXPECT_EQ(streamed(reply), "data: b'It is '\n\ndata: b'so [1].'\n\ndata: [DONE]\n\n");
}

TEST_F(AnswerRoutes, ChatqnaAnswersWholeWithOpeasObject) {
  const auto reply = post(
      "/v1/chatqna",
      R"({"messages":[{"role":"user","content":"Is it so?"}],"stream":"False","max_tokens":"17"})");
  ASSERT_EQ(reply.status, 200u) << reply.body;
  const auto body = json(reply);
  EXPECT_EQ(body.at("object").as_string(), "chat.completion");
  EXPECT_EQ(body.at("model").as_string(), "chatqna");
  EXPECT_TRUE(body.at("id").as_string().starts_with("chatcmpl-"));
  EXPECT_EQ(body.at_pointer("/choices/0/message/content").as_string(), "It is so [1].");
  EXPECT_EQ(body.at_pointer("/choices/0/finish_reason").as_string(), "stop");
  EXPECT_EQ(body.at_pointer("/usage/total_tokens").to_number<int>(), 25);
  const auto& asked = std::get<contract::ChatRequest>(llm_.requests.at(0));
  EXPECT_EQ(asked.question(), "Is it so?");
  EXPECT_EQ(asked.sampling.max_tokens, 17);
}

TEST_F(AnswerRoutes, ChatqnaIgnoresTheModelThatOpeasClientsName) {
  EXPECT_EQ(
      post("/v1/chatqna", R"({"messages":"q","model":"Intel/neural-chat-7b-v3-3","stream":false})")
          .status,
      200u);
}

TEST_F(AnswerRoutes, ChatqnaTellsErrorsInOpeasShape) {
  const auto reply = post("/v1/chatqna", R"({"messages":)");
  EXPECT_EQ(reply.status, 400u);
  EXPECT_TRUE(json(reply).at("detail").is_string());
  EXPECT_EQ(code(reply), "invalid_argument");
}

TEST_F(AnswerRoutes, OpenAiAnswersWithAnnotationsAndSources) {
  const auto reply =
      post("/v1/chat/completions",
           R"({"model":"opaline","messages":[{"role":"user","content":"Is it so?"}]})");
  ASSERT_EQ(reply.status, 200u) << reply.body;
  const auto body = json(reply);
  EXPECT_EQ(body.at("model").as_string(), "opaline");
  EXPECT_EQ(body.at_pointer("/choices/0/message/annotations").as_array().size(), 1u);
  EXPECT_EQ(body.at("sources").as_array().size(), 2u);
  EXPECT_EQ(body.at_pointer("/sources/0/quote").as_string(), "of a");
}

TEST_F(AnswerRoutes, OpenAiStreamsWithSourcesOnTheLastChunk) {
  auto reply =
      post("/v1/chat/completions", R"({"messages":[{"role":"user","content":"q"}],"stream":true})");
  const std::string bytes = streamed(reply);
  EXPECT_NE(bytes.find(R"("delta":{"content":"It is "})"), std::string::npos) << bytes;
  EXPECT_NE(bytes.find(R"("sources":[{"index":1)"), std::string::npos) << bytes;
  EXPECT_NE(bytes.find(R"("model":"chatqna")"), std::string::npos);
  EXPECT_EQ(bytes.find(R"("usage")"), std::string::npos);
  EXPECT_TRUE(bytes.ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(retrieval_.requests.size(), 1u);
}

TEST_F(AnswerRoutes, OpenAiAsksAModelThatIsNamedWithoutTheFlow) {
  const auto reply = post("/v1/chat/completions",
                          R"({"model":"gemma","messages":[{"role":"user","content":"q"}]})");
  EXPECT_EQ(reply.status, 200u) << reply.body;
  EXPECT_EQ(json(reply).at("model").as_string(), "gemma");
  EXPECT_TRUE(retrieval_.requests.empty());
  EXPECT_EQ(llm_.requests.size(), 1u);
}

TEST_F(AnswerRoutes, OpenAiKnowsNoOtherModels) {
  const auto reply = post("/v1/chat/completions",
                          R"({"model":"gpt-9","messages":[{"role":"user","content":"q"}]})");
  EXPECT_EQ(reply.status, 404u);
  EXPECT_NE(reply.body.find("gemma"), std::string::npos) << reply.body;
}

TEST_F(AnswerRoutes, CompletionsContinueATextWithTheModelAlone) {
  const auto reply = post("/v1/completions", R"({"prompt":"Once upon"})");
  ASSERT_EQ(reply.status, 200u) << reply.body;
  EXPECT_EQ(json(reply).at("object").as_string(), "text_completion");
  EXPECT_EQ(std::get<contract::ChatRequest>(llm_.requests.at(0)).prompt, "Once upon");
  EXPECT_TRUE(retrieval_.requests.empty());
}

TEST_F(AnswerRoutes, CompletionsAskTheFlowByItsName) {
  const auto reply = post("/v1/completions", R"({"model":"chatqna","prompt":"Is it so?"})");
  ASSERT_EQ(reply.status, 200u) << reply.body;
  EXPECT_EQ(json(reply).at("object").as_string(), "text_completion");
  EXPECT_EQ(std::get<contract::RetrievalRequest>(retrieval_.requests.at(0)).text, "Is it so?");
}

TEST_F(AnswerRoutes, RagAnswersWithSources) {
  const auto reply = post("/rag", R"({"query":"Is it so?"})");
  ASSERT_EQ(reply.status, 200u) << reply.body;
  const auto body = json(reply);
  EXPECT_EQ(body.at("answer").as_string(), "It is so [1].");
  EXPECT_FALSE(body.at("declined").as_bool());
  const auto& sources = body.at("sources").as_array();
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[0].at("index").to_number<int>(), 1);
  EXPECT_EQ(sources[0].at("document_id").as_string(), "d-a");
  EXPECT_EQ(sources[0].at("source").as_string(), "manual/a.html");
  EXPECT_EQ(sources[0].at("quote").as_string(), "of a");
  EXPECT_EQ(sources[0].at_pointer("/span/begin").to_number<int>(), 15);
  EXPECT_EQ(sources[0].at("score").to_number<double>(), 0.9);
  EXPECT_TRUE(sources[0].at("cited").as_bool());
  EXPECT_FALSE(sources[1].at("cited").as_bool());
  EXPECT_EQ(sources[1].at("quote").as_string(), "Text of b");
  EXPECT_EQ(body.at_pointer("/citations/0/answer_span/end").to_number<int>(), 13);
}

TEST_F(AnswerRoutes, RagSaysWhenTheSourcesDoNot) {
  llm_.set([](const auto&, const auto&) -> base::Result<contract::Reply> {
    contract::ChatReply reply;
    reply.text = "The sources do not say.";
    reply.declined = true;
    return contract::Reply(std::move(reply));
  });
  const auto body = json(post("/rag", R"({"query":"Is it so?"})"));
  EXPECT_TRUE(body.at("declined").as_bool());
  EXPECT_TRUE(body.at("sources").as_array().empty());
  EXPECT_EQ(counter("rag_declined_total", {}), 1);
}

TEST_F(AnswerRoutes, QueryKeepsTopKPassages) {
  ASSERT_EQ(post("/query", R"({"query":"q"})").status, 200u);
  EXPECT_EQ(std::get<contract::RerankingRequest>(reranking_.requests.back()).top_n, 5);
  ASSERT_EQ(post("/query", R"({"query":"q","top_k":2,"collection":"legal"})").status, 200u);
  EXPECT_EQ(std::get<contract::RerankingRequest>(reranking_.requests.back()).top_n, 2);
  const auto& searched = std::get<contract::RetrievalRequest>(retrieval_.requests.back());
  EXPECT_EQ(searched.search.collection, "legal");
  EXPECT_EQ(searched.search.k, 10);
}

TEST_F(AnswerRoutes, RefuseWhatIsNoQuestion) {
  for (const char* path : {"/rag", "/query", "/v1/search"}) {
    for (const char* body : {"", "{", "[]", "\"q\"", "{}", R"({"query":""})", R"({"query":"  "})",
                             R"({"query":["a"]})", R"({"query":{}})", "{\"query\":\"\xff\xfe\"}",
                             R"({"query":"q","k":"many","top_k":"many"})"}) {
      const auto reply = post(path, body);
      EXPECT_EQ(reply.status, 400u) << path << " " << body << " " << reply.body;
      EXPECT_EQ(code(reply), "invalid_argument");
    }
  }
  for (const char* path : {"/v1/chatqna", "/v1/chat/completions"}) {
    for (const char* body :
         {"", "{", "[]", "{}", R"({"messages":[]})", R"({"messages":""})",
          R"({"messages":[{"role":"user","content":" "}]})", R"({"messages":7})",
          R"({"messages":[{"role":"wizard","content":"q"}]})",
          R"({"messages":"q","temperature":99})", R"({"messages":"q","stream":"perhaps"})",
          "{\"messages\":\"\xc3\x28\"}"}) {
      EXPECT_EQ(post(path, body).status, 400u) << path << " " << body;
    }
  }
  EXPECT_TRUE(llm_.requests.empty());
}

TEST_F(AnswerRoutes, LimitTheQuestionsLength) {
  const std::string question(1001, 'q');
  for (const char* path : {"/rag", "/query", "/v1/search"}) {
    EXPECT_EQ(post(path, "{\"query\":\"" + question + "\"}").status, 400u) << path;
  }
  EXPECT_EQ(post("/v1/chatqna", "{\"messages\":\"" + question + "\"}").status, 400u);
  settings_.query_characters = 0;
  open();
  EXPECT_EQ(post("/rag", "{\"query\":\"" + question + "\"}").status, 200u);
}

TEST_F(AnswerRoutes, RefuseJsonThatIsNestedTooDeep) {
  std::string body = R"({"query":)";
  for (int i = 0; i < 100'000; ++i) body += '[';
  EXPECT_EQ(post("/rag", body).status, 400u);
}

TEST_F(AnswerRoutes, TellWhatAStepSays) {
  const std::vector<std::pair<ErrorCode, unsigned>> table = {
      {ErrorCode::unavailable, 503},         {ErrorCode::deadline_exceeded, 504},
      {ErrorCode::not_found, 404},           {ErrorCode::resource_exhausted, 429},
      {ErrorCode::failed_precondition, 409}, {ErrorCode::internal, 500}};
  for (const auto& [error, status] : table) {
    retrieval_.fail(error, "the index is away");
    const auto reply = post("/rag", R"({"query":"q"})");
    EXPECT_EQ(reply.status, status);
    EXPECT_EQ(code(reply), base::name(error));
    EXPECT_NE(reply.body.find("the index is away"), std::string::npos);
    EXPECT_EQ(reply.body.find("a detail"), std::string::npos);
  }
  EXPECT_EQ(counter("rag_queries_total", {{"route", "/rag"}, {"status", "failed"}}), 6);
}

TEST_F(AnswerRoutes, SurviveAServiceThatThrows) {
  llm_.set([](const auto&, const auto&) -> base::Result<contract::Reply> {
    throw std::runtime_error("secret");
  });
  const auto reply = post("/rag", R"({"query":"q"})");
  EXPECT_EQ(reply.status, 500u);
  EXPECT_EQ(code(reply), "internal");
  EXPECT_EQ(reply.body.find("secret"), std::string::npos);
}

TEST_F(AnswerRoutes, RecordStagesTokensAndOutcome) {
  ASSERT_EQ(post("/rag", R"({"query":"q"})").status, 200u);
  EXPECT_EQ(counter("rag_queries_total", {{"route", "/rag"}, {"status", "success"}}), 1);
  EXPECT_EQ(counter("rag_tokens_total", {{"type", "completion"}}), 5);
  for (const char* stage : {"embedding", "retrieval", "reranking", "generation", "total"}) {
    EXPECT_EQ(registry_.histogram("rag_latency_seconds", "", {{"stage", stage}}).counts().back(),
              1u)
        << stage;
  }
  for (const char* stage : {"self_query", "query_expansion"}) {
    EXPECT_EQ(registry_.histogram("rag_latency_seconds", "", {{"stage", stage}}).counts().back(),
              0u)
        << stage;
  }
  EXPECT_EQ(registry_.gauge("megaservice_request_pending", "").value(), 0);
  EXPECT_EQ(registry_.gauge("rag_queue_depth", "", {{"queue", "queries"}}).value(), 0);
}

TEST_F(AnswerRoutes, RecordStreamsAsOpeaDoes) {
  auto reply = post("/v1/chatqna", R"({"messages":"q"})");
  EXPECT_EQ(registry_.gauge("megaservice_request_pending", "").value(), 1);
  (void)streamed(reply);
  EXPECT_EQ(registry_.histogram("megaservice_first_token_latency", "", {}).counts().back(), 1u);
  EXPECT_EQ(registry_.histogram("megaservice_inter_token_latency", "", {}).counts().back(), 1u);
  EXPECT_EQ(registry_.histogram("megaservice_request_latency", "", {}).counts().back(), 1u);
  EXPECT_EQ(
      registry_.histogram("rag_latency_seconds", "", {{"stage", "generation"}}).counts().back(),
      1u);
  EXPECT_EQ(registry_.gauge("megaservice_request_pending", "").value(), 0);
}

TEST_F(AnswerRoutes, LeaveNothingPendingAfterAnError) {
  llm_.fail(ErrorCode::unavailable, "no");
  (void)post("/v1/chatqna", R"({"messages":"q"})");
  EXPECT_EQ(registry_.gauge("megaservice_request_pending", "").value(), 0);
}

TEST_F(AnswerRoutes, TellAnAnswerOfTheWrongKind) {
  llm_.set([](const auto&, const auto&) -> base::Result<contract::Reply> {
    return contract::Reply(cited_answer());
  });
  EXPECT_EQ(code(post("/v1/chatqna", R"({"messages":"q"})")), "internal");
  EXPECT_EQ(code(post("/v1/chat/completions", R"({"model":"gemma","messages":"q","stream":true})")),
            "internal");
}

}  // namespace
}  // namespace opaline::gateway
