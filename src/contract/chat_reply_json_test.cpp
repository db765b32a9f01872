#include "contract/chat_reply_json.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace opaline::contract {
namespace {

namespace json = boost::json;

ChatEnvelope envelope() {
  return {.kind = ChatEnvelope::Kind::chat, .id = "i", .created = 7, .model = "m"};
}

ChatReply plain() {
  ChatReply reply;
  reply.text = "Hi.";
  reply.usage = {.prompt_tokens = 3, .completion_tokens = 2, .cached_tokens = 0};
  return reply;
}

ChatReply cited() {
  ChatReply reply = plain();
  reply.text = "Über \"x\" [1].";
  Hit& hit = reply.sources.emplace_back();
  hit.id = "c";
  hit.document_id = "d";
  hit.source = "guide.md";
  hit.title = "Guide";
  hit.text = "x is y";
  hit.span = {.begin = 4, .end = 10};
  hit.scores.rerank = 0.75;
  reply.citations.push_back({.source = 1,
                             .answer_span = {.begin = 0, .end = 9},
                             .source_span = {.begin = 4, .end = 6},
                             .quote = "x is",
                             .supported = false});
  reply.warnings = {"w"};
  return reply;
}

std::string_view payload(std::string_view event) {
  EXPECT_TRUE(event.starts_with("data: ") && event.ends_with("\n\n"));
  return event.substr(6, event.size() - 8);
}

TEST(ChatReplyJson, IsOpeasObjectWithRealUsage) {
  EXPECT_EQ(
      write_chat_reply(plain(), envelope()),
      R"({"id":"i","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"message":)"
      R"({"role":"assistant","content":"Hi.","audio":null},"finish_reason":"stop","metadata":null}],)"
      R"("usage":{"prompt_tokens":3,"total_tokens":5,"completion_tokens":2}})");
  ChatEnvelope completion = envelope();
  completion.kind = ChatEnvelope::Kind::completion;
  EXPECT_EQ(
      write_chat_reply(plain(), completion),
      R"({"id":"i","object":"text_completion","created":7,"model":"m","choices":[{"index":0,"text":"Hi.",)"
      R"("logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"total_tokens":5,"completion_tokens":2}})");
}

TEST(ChatReplyJson, CitesInCharactersAndOurSpansInBytes) {
  const auto body = json::parse(write_chat_reply(cited(), envelope()));
  const auto& annotation = body.at("choices").at(0).at("message").at("annotations").at(0);
  EXPECT_EQ(annotation, json::parse(R"({"type":"url_citation","url_citation":
      {"start_index":0,"end_index":8,"url":"guide.md","title":"Guide"}})"))
      << "Ü is two bytes and one character";
  EXPECT_EQ(body.at("sources").at(0).at("index"), 1);
  EXPECT_EQ(body.at("sources").at(0).at("quote"), "x is");
  EXPECT_EQ(body.at("sources").at(0).at("score"), 0.75);
  EXPECT_EQ(body.at("citations").at(0).at("answer_span").at("end"), 9);
}

TEST(ChatReplyJson, ComesBackWhole) {
  const auto back = read_chat_reply(write_chat_reply(cited(), envelope()));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->text, cited().text);
  EXPECT_EQ(back->usage.total_tokens(), 5U);
  EXPECT_EQ(back->sources, cited().sources);
  EXPECT_EQ(back->citations.at(0).source_span, (Span{.begin = 4, .end = 6}));
  EXPECT_FALSE(back->citations.at(0).supported);
  EXPECT_EQ(back->warnings, cited().warnings);
  EXPECT_EQ(back->model, "m");
}

TEST(ChatReplyJson, ReadsOtherServersReplies) {
  const auto reply = read_chat_reply(
      R"({"choices":[{"message":{"content":null},"finish_reason":"eos_token"}],"usage":null})");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text, "");
  EXPECT_EQ(reply->finish_reason, FinishReason::stop);
  EXPECT_EQ(
      read_chat_reply(R"({"choices":[{"text":"t","finish_reason":"length"}]})")->finish_reason,
      FinishReason::length);
}

TEST(ChatReplyJson, RefusesWhatIsNoReply) {
  for (const char* body :
       {"{}", R"({"choices":[]})", R"({"choices":7})", R"({"choices":[{"message":7}]})", "[]",
        R"({"choices":[{"message":{"content":5}}]})",
        R"({"choices":[{}],"usage":{"prompt_tokens":-1}})", R"({"choices":[{}],"sources":[1]})",
        R"({"choices":[{}],"citations":[{"source":0}]})"}) {
    EXPECT_FALSE(read_chat_reply(body)) << body;
  }
}

TEST(ChatChunks, StreamAsOpenAiDoes) {
  ChatEnvelope with_usage = envelope();
  with_usage.stream_usage = true;
  ChatChunks chunks(with_usage);
  const std::string head =
      R"({"id":"i","object":"chat.completion.chunk","created":7,"model":"m","choices":[)";
  EXPECT_EQ(chunks.first(),
            "data: " + head +
                R"({"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})" +
                "\n\n");
  EXPECT_EQ(chunks.text("a\"b\n"),
            "data: " + head + R"({"index":0,"delta":{"content":"a\"b\n"},"finish_reason":null}]})" +
                "\n\n");
  EXPECT_EQ(
      chunks.last(plain()),
      "data: " + head + R"({"index":0,"delta":{},"finish_reason":"stop"}]})" + "\n\ndata: " +
          R"({"id":"i","object":"chat.completion.chunk","created":7,"model":"m","choices":[],)" +
          R"("usage":{"prompt_tokens":3,"total_tokens":5,"completion_tokens":2}})" + "\n\n");
}

TEST(ChatChunks, CompletionsHaveTheirOwnShape) {
  ChatEnvelope completion = envelope();
  completion.kind = ChatEnvelope::Kind::completion;
  ChatChunks chunks(completion);
  EXPECT_EQ(chunks.first(), "");
  EXPECT_EQ(payload(chunks.text("x")),
            R"({"id":"i","object":"text_completion","created":7,"model":"m",)"
            R"("choices":[{"index":0,"text":"x","logprobs":null,"finish_reason":null}]})");
  EXPECT_EQ(read_chat_chunk(payload(chunks.last(plain())))->finish_reason, FinishReason::stop);
}

TEST(ChatChunks, CarrySourcesAndCitationsInTheLast) {
  ChatChunks chunks(envelope());
  (void)chunks.text("Über ");
  (void)chunks.text("\"x\" [1].");
  ChatReply end = cited();
  end.text.clear();
  const std::string event = chunks.last(end);
  const auto body = json::parse(payload(event));
  EXPECT_EQ(body.at("choices")
                .at(0)
                .at("delta")
                .at("annotations")
                .at(0)
                .at("url_citation")
                .at("end_index"),
            8);
  const auto chunk = read_chat_chunk(payload(event));
  ASSERT_TRUE(chunk) << chunk.error().message;
  ASSERT_TRUE(chunk->extensions);
  EXPECT_EQ(chunk->extensions->sources, cited().sources);
}

TEST(ChatChunk, IsRead) {
  EXPECT_EQ(
      read_chat_chunk(R"({"choices":[{"delta":{"content":"tok"},"finish_reason":null}]})")->text,
      "tok");
  EXPECT_EQ(read_chat_chunk(R"({"choices":[{"delta":{"content":null,"role":"assistant"}}]})")->text,
            "");
  EXPECT_EQ(read_chat_chunk(R"({"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}})")
                ->usage->completion_tokens,
            2U);
  EXPECT_EQ(read_chat_chunk(R"({"error":{"message":"out of memory"}})").error().code,
            base::ErrorCode::unavailable);
  EXPECT_FALSE(read_chat_chunk("{}"));
  EXPECT_FALSE(read_chat_chunk("tok"));
  EXPECT_FALSE(read_chat_chunk(R"({"choices":[{"delta":{"content":1}}]})"));
}

TEST(ChatIds, HaveTheLengthThatOpeaGivesThem) {
  EXPECT_EQ(new_chat_id().size(), std::string("chatcmpl-").size() + 22);
  EXPECT_NE(new_chat_id(), new_chat_id());
  EXPECT_TRUE(new_completion_id().starts_with("cmpl-"));
}

}  // namespace
}  // namespace opaline::contract
