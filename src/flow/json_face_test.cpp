#include "flow/json_face.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "flow/scripted_service.hpp"

namespace opaline::flow {
namespace {

namespace json = boost::json;
using contract::Reply;
using contract::Request;
using contract::ServiceKind;

class JsonFaceTest : public testing::Test {
 protected:
  base::Result<Reply> ask(ServiceKind kind, ScriptedService::Script script, std::string_view body,
                          bool stream = false) {
    service_ = std::make_unique<ScriptedService>("s", kind, &journal_);
    service_->script = std::move(script);
    face_ = std::make_unique<JsonFace>(*service_);
    Outcome<base::Result<Reply>> outcome;
    outcome.of(loop_,
               face_->call(contract::JsonRequest{.body = json::parse(body), .stream = stream}, {}));
    settle(loop_);
    return std::move(outcome.value());
  }
  static json::value body(const base::Result<Reply>& reply) {
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? std::get<contract::JsonReply>(*reply).body : json::value();
  }

  base::EventLoop loop_;
  Journal journal_;
  std::unique_ptr<ScriptedService> service_;
  std::unique_ptr<JsonFace> face_;
};

base::Result<Reply> one_vector(const Request&) {
  return contract::EmbeddingReply{
      .vectors = {{0.5F, 2}}, .model = "m", .prompt_tokens = 1, .warnings = {}};
}

TEST_F(JsonFaceTest, EmbedsTheTextOfADocumentAndKeepsTheRest) {
  const auto reply = ask(ServiceKind::embedding, one_vector, R"({"text":"why?","k":7})");
  EXPECT_EQ(json::serialize(body(reply)), R"({"text":"why?","k":7,"embedding":[5E-1,2E0]})");
  const auto& asked = std::get<contract::EmbeddingRequest>(service_->requests.at(0));
  EXPECT_EQ(asked.texts, std::vector<std::string>{"why?"});
}

TEST_F(JsonFaceTest, EmbedsTheLastMessage) {
  const auto reply =
      ask(ServiceKind::embedding, one_vector, R"({"messages":[{"role":"user","content":"why?"}]})");
  EXPECT_EQ(body(reply).at("text").as_string(), "why?");
  EXPECT_FALSE(body(reply).as_object().contains("messages"));
}

TEST_F(JsonFaceTest, EmbedsAsOpenAiAndTeiDo) {
  const auto openai = ask(ServiceKind::embedding, one_vector, R"({"input":"why?"})");
  EXPECT_EQ(body(openai).at("data").at(0).at("embedding").as_array().size(), 2U);
  const auto tei = ask(ServiceKind::embedding, one_vector, R"({"inputs":"why?"})");
  EXPECT_EQ(body(tei).at(0).as_array().size(), 2U);
}

TEST_F(JsonFaceTest, RetrievesForAnEmbeddedDocument) {
  const auto reply = ask(
      ServiceKind::retrieval,
      [](const Request& request) -> base::Result<Reply> {
        contract::Hit hit;
        hit.text = "found";
        return contract::RetrievalReply{.query = std::get<contract::RetrievalRequest>(request).text,
                                        .hits = {hit},
                                        .top_n = 1,
                                        .warnings = {}};
      },
      R"({"text":"why?","embedding":[1,2]})");
  EXPECT_EQ(body(reply).at("initial_query").as_string(), "why?");
  EXPECT_EQ(body(reply).at("retrieved_docs").at(0).at("text").as_string(), "found");
}

TEST_F(JsonFaceTest, AsksALanguageModelAPlainText) {
  const auto reply = ask(
      ServiceKind::llm,
      [](const Request& request) -> base::Result<Reply> {
        contract::ChatReply said;
        said.text = "on " + std::get<contract::ChatRequest>(request).question();
        return said;
      },
      R"({"text":"why?"})");
  EXPECT_EQ(body(reply).at("choices").at(0).at("message").at("content").as_string(), "on why?");
  EXPECT_EQ(body(reply).at("text").as_string(), "on why?");
}

TEST_F(JsonFaceTest, StreamsChunks) {
  auto reply = ask(
      ServiceKind::llm,
      [this](const Request&) -> base::Result<Reply> {
        return std::make_unique<ScriptedStream>(std::vector<std::string>{"a", "b"}, std::nullopt,
                                                &journal_);
      },
      R"({"messages":"why?"})", true);
  ASSERT_TRUE(reply);
  auto& stream = *std::get<std::unique_ptr<contract::ByteStream>>(*reply);
  std::string all;
  for (;;) {
    Outcome<base::Result<std::optional<std::string>>> next;
    next.of(loop_, stream.next());
    settle(loop_);
    ASSERT_TRUE(next.value());
    if (!*next.value()) break;
    all += **next.value();
  }
  EXPECT_TRUE(all.contains(R"("content":"a")")) << all;
  EXPECT_TRUE(all.ends_with("data: [DONE]\n\n")) << all;
}

TEST_F(JsonFaceTest, RefusesWhatTheEndpointWouldRefuse) {
  const auto reply = ask(ServiceKind::retrieval, one_vector, R"({"nothing":1})");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, base::ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace opaline::flow
