#include "services/remote/embedding_reply.hpp"

#include <gtest/gtest.h>

#include "contract/embedding_json.hpp"

namespace opaline::services {
namespace {

using Vectors = std::vector<std::vector<float>>;

TEST(EmbeddingReply, ReadsEveryForm) {
  const std::vector<std::string> table = {
      "[[0.5,1],[-2e-1,3]]",
      R"({"object":"list","model":null,"data":[{"index":0,"object":"embedding","embedding":[0.5,1]},
          {"index":1,"object":"embedding","embedding":[-0.2,3]}],"usage":null})",
      R"({"data":[{"embedding":[-0.2,3],"index":1},{"embedding":[0.5,1],"index":0}]})",
      R"({"data":[{"embedding":[0.5,1]},{"embedding":[-0.2,3]}],"model":"m","usage":{"prompt_tokens":3}})",
  };
  for (const std::string& body : table) {
    const auto reply = read_embedding_reply(body, 2);
    ASSERT_TRUE(reply) << body << reply.error().message;
    EXPECT_EQ(reply->vectors, (Vectors{{0.5F, 1}, {-0.2F, 3}})) << body;
  }
}

TEST(EmbeddingReply, GetsBackExactlyWhatOurServiceWrites) {
  contract::EmbeddingReply sent{.vectors = {{0.1F, -1.0F / 3}, {1e-20F, 0.70710677F}},
                                .model = "mini",
                                .prompt_tokens = 9,
                                .warnings = {"input 1: 700 tokens, cut to 512"}};
  using Encoding = contract::EmbeddingForm::Encoding;
  for (const Encoding encoding : {Encoding::numbers, Encoding::base64}) {
    const auto body = contract::write_embedding_reply(
        sent, {.dialect = {}, .encoding = encoding, .dimensions = {}});
    const auto back = read_embedding_reply(*body, 2);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->vectors, sent.vectors);
    EXPECT_EQ(back->model, "mini");
    EXPECT_EQ(back->prompt_tokens, 9U);
    EXPECT_EQ(back->warnings, sent.warnings);
  }
}

TEST(EmbeddingReply, RefusesEverythingElse) {
  const std::vector<std::string> table = {
      "",
      "{",
      "null",
      "7",
      "[]",
      "{}",
      "[[1,2]",
      "[[1,2]]x",
      "[[1,2],[]]",
      "[[1,2],[1]]",
      "[[1,2],[1,\"a\"]]",
      "[[1,2],[1,null]]",
      "[[1,2],[3,4],[5,6]]",
      "[[1,2],[1e999,1]]",
      "[[1,2],[1e300,1]]",
      "[1,2]",
      R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]})",
      R"({"data":[{"index":5,"embedding":[1]},{"index":0,"embedding":[1]}]})",
      R"({"data":[{"index":-1,"embedding":[1]},{"index":0,"embedding":[1]}]})",
      R"({"data":[{"index":0},{"index":1}]})",
      R"({"data":[{"index":0,"embedding":"!"},{"index":1,"embedding":"!"}]})",
      R"({"data":{"embedding":[1]}})",
      R"({"error":"busy"})",
      "[[\"\xFF\"],[1]]",
  };
  for (const std::string& body : table) {
    const auto reply = read_embedding_reply(body, 2);
    ASSERT_FALSE(reply) << body;
    EXPECT_EQ(reply.error().code, base::ErrorCode::invalid_argument);
    EXPECT_FALSE(reply.error().message.empty());
  }
}

}  // namespace
}  // namespace opaline::services
