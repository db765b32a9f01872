#include "contract/embedding_json.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"

namespace opaline::contract {
namespace {

using Dialect = EmbeddingForm::Dialect;
using Encoding = EmbeddingForm::Encoding;

EmbeddingReply reply() {
  return {.vectors = {{0.5F, -0.25F}, {1, 0}}, .model = "mini", .prompt_tokens = 7, .warnings = {}};
}

TEST(EmbeddingJson, ReadsOpenAi) {
  const auto call = read_embedding_request(
      R"({"input":["a","b"],"model":"m","encoding_format":"base64","dimensions":"384","user":"x","priority":"bulk"})");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->request.texts, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(call->request.model, "m");
  EXPECT_EQ(call->request.priority, EmbeddingRequest::Priority::bulk);
  EXPECT_EQ(call->form.dialect, Dialect::openai);
  EXPECT_EQ(call->form.encoding, Encoding::base64);
  EXPECT_EQ(call->form.dimensions, 384U);
}

TEST(EmbeddingJson, ReadsTei) {
  const auto call = read_embedding_request(R"({"inputs":"a","normalize":true,"truncate":true})");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->request.texts, std::vector<std::string>{"a"});
  EXPECT_EQ(call->form.dialect, Dialect::tei);
}

TEST(EmbeddingJson, RefusesWhatItCannotDo) {
  std::string many = R"({"input":[)";
  for (std::size_t i = 0; i <= limits::kEmbeddingTexts; ++i) many += i == 0 ? "\"x\"" : ",\"x\"";
  many += "]}";
  const std::vector<std::pair<std::string, std::string>> table = {
      {"{}", "field 'input' is required: a string or a list of strings"},
      {R"({"input":null})", "field 'input' is required: a string or a list of strings"},
      {R"({"input":[]})", "field 'input' must hold at least one text"},
      {R"({"input":[1,2]})",
       "field 'input' holds token ids; send text, the model has its own tokenizer"},
      {R"({"input":[[1,2]]})",
       "field 'input' holds token ids; send text, the model has its own tokenizer"},
      {R"({"input":5})", "field 'input' must be a string or a list of strings, got 5"},
      {R"({"input":["a",{}]})", "field 'input[1]' must be a string, got an object"},
      {R"({"input":"a","model":3})", "field 'model' must be a string, got 3"},
      {R"({"input":"a","encoding_format":"int8"})",
       "field 'encoding_format' must be \"float\" or \"base64\", got \"int8\""},
      {R"({"input":"a","dimensions":0})",
       "field 'dimensions' must be an integer between 1 and 65536, got 0"},
      {R"({"input":"a","priority":"high"})",
       "field 'priority' must be \"query\" or \"bulk\", got \"high\""},
      {R"({"inputs":"a","normalize":false})",
       "field 'normalize' must be true: vectors have unit length here"},
      {R"({"inputs":"a","truncate":"perhaps"})",
       "field 'truncate' must be true or false, got \"perhaps\""},
      {many, "field 'input' holds 2049 texts; at most 2048 are allowed in one request"},
      {"[]", "the body must be a JSON object, got an array"},
  };
  for (const auto& [body, says] : table) {
    const auto call = read_embedding_request(body);
    ASSERT_FALSE(call) << body;
    EXPECT_EQ(call.error().message, says);
    EXPECT_EQ(call.error().code, base::ErrorCode::invalid_argument);
  }
}

TEST(EmbeddingJson, WritesRequestsByteForByte) {
  const EmbeddingForm tei{.dialect = Dialect::tei, .encoding = {}, .dimensions = {}};
  EXPECT_EQ(write_embedding_request({.texts = {"What is OPEA?"}, .model = "m"}, tei),
            R"({"inputs":"What is OPEA?"})");
  EXPECT_EQ(write_embedding_request({.texts = {"a", "b"}, .model = {}}, tei),
            R"({"inputs":["a","b"],"truncate":true})");
  EXPECT_EQ(write_embedding_request({.texts = {"a"}, .model = {}}, {}), R"({"input":"a"})");
  EXPECT_EQ(write_embedding_request(
                {.texts = {"a", "b"}, .model = "m", .priority = EmbeddingRequest::Priority::bulk},
                {.dialect = Dialect::openai, .encoding = Encoding::base64, .dimensions = {}}),
            R"({"input":["a","b"],"model":"m","encoding_format":"base64","priority":"bulk"})");
}

TEST(EmbeddingJson, WritesRepliesInEveryForm) {
  EXPECT_EQ(
      write_embedding_reply(reply(), {.dialect = Dialect::tei, .encoding = {}, .dimensions = {}}),
      "[[0.5,-0.25],[1,0]]");
  EXPECT_EQ(
      write_embedding_reply(reply(), {}),
      R"({"object":"list","model":"mini","data":[{"index":0,"object":"embedding","embedding":[0.5,-0.25]},)"
      R"({"index":1,"object":"embedding","embedding":[1,0]}],"usage":{"prompt_tokens":7,"total_tokens":7}})");
  EmbeddingReply cut = reply();
  cut.vectors.resize(1);
  cut.warnings = {"input 0: 700 tokens, cut to 512"};
  EXPECT_EQ(
      write_embedding_reply(
          cut, {.dialect = Dialect::openai, .encoding = Encoding::base64, .dimensions = 2}),
      R"({"object":"list","model":"mini","data":[{"index":0,"object":"embedding","embedding":"AAAAPwAAgL4="}],)"
      R"("usage":{"prompt_tokens":7,"total_tokens":7},"warnings":["input 0: 700 tokens, cut to 512"]})");
}

TEST(EmbeddingJson, OtherDimensionsAreAnError) {
  const auto body =
      write_embedding_reply(reply(), {.dialect = {}, .encoding = {}, .dimensions = 256});
  EXPECT_EQ(body.error().message, "field 'dimensions' must be 2 (the model's own), got 256");
}

}  // namespace
}  // namespace opaline::contract
