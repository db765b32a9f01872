#include "gateway/answer_stream.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "gateway/scripted_service.hpp"

namespace opaline::gateway {
namespace {

using base::ErrorCode;
using contract::ChatReply;
using Item = base::Result<contract::ChatDelta>;
using namespace std::chrono_literals;

class AnswerStream : public testing::Test {
 protected:
  base::Result<http::Response> open(std::vector<Item> items,
                                    ScriptedStream::Ending ending = ScriptedStream::Ending::plain,
                                    std::chrono::milliseconds heartbeat = 5s,
                                    std::unique_ptr<AnswerWriter> writer = chatqna_answer()) {
    auto stream = std::make_unique<ScriptedStream>(std::move(items), context_, ending, dropped_);
    record_ = std::make_shared<QueryRecord>(metrics_, "/v1/chatqna", context_);
    return run(loop_, stream_answer(std::move(stream), std::move(writer), context_, record_,
                                    {.heartbeat = heartbeat}));
  }

  std::string read(http::Response& reply) {
    return run(loop_, drained(std::shared_ptr<http::BodyStream>(std::move(reply.stream))));
  }

  double queries(std::string status) {
    return registry_
        .counter("rag_queries_total", "", {{"route", "/v1/chatqna"}, {"status", std::move(status)}})
        .value();
  }

  base::EventLoop loop_{1};
  base::MetricRegistry registry_;
  GatewayMetrics metrics_{registry_};
  base::Context context_{.request_id = "r-1"};
  std::shared_ptr<bool> dropped_ = std::make_shared<bool>(false);
  std::shared_ptr<QueryRecord> record_;
};

TEST_F(AnswerStream, WritesOpeasBytes) {
  auto reply = open({piece(" Deep"), piece("'s"), piece("你\n"), end_of({})});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200u);
  EXPECT_EQ(reply->headers.get("Content-Type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(reply->headers.get("X-Accel-Buffering"), "no");
  EXPECT_EQ(read(*reply),
            "data: b' Deep'\n\n"
            "data: b\"'s\"\n\n"
            "data: b'\\xe4\\xbd\\xa0\\n'\n\n"
            "data: [DONE]\n\n");
  EXPECT_EQ(queries("success"), 1);
  EXPECT_TRUE(*dropped_);
}

TEST_F(AnswerStream, WritesOpenAisChunks) {
  ChatReply end;
  end.usage = {.prompt_tokens = 3, .completion_tokens = 1};
  auto reply = open(
      {piece("Hi"), end_of(std::move(end))}, ScriptedStream::Ending::plain, 5s,
      openai_answer({.id = "chatcmpl-1", .created = 7, .model = "chatqna", .stream_usage = true}));
  ASSERT_TRUE(reply);
  const std::string bytes = read(*reply);
  std::vector<boost::json::value> chunks;
  std::size_t at = 0;
  while (bytes.compare(at, 12, "data: [DONE]") != 0) {
    const auto stop = bytes.find("\n\n", at);
    ASSERT_NE(stop, std::string::npos);
    chunks.push_back(boost::json::parse(std::string_view(bytes).substr(at + 6, stop - at - 6)));
    at = stop + 2;
  }
  EXPECT_EQ(bytes.substr(at), "data: [DONE]\n\n");
  ASSERT_EQ(chunks.size(), 4u);
  EXPECT_EQ(chunks[0].at_pointer("/choices/0/delta/role").as_string(), "assistant");
  EXPECT_EQ(chunks[1].at_pointer("/choices/0/delta/content").as_string(), "Hi");
  EXPECT_EQ(chunks[2].at_pointer("/choices/0/finish_reason").as_string(), "stop");
  EXPECT_EQ(chunks[3].at_pointer("/usage/total_tokens").to_number<int>(), 4);
  EXPECT_EQ(registry_.counter("rag_tokens_total", "", {{"type", "prompt"}}).value(), 3);
}

TEST_F(AnswerStream, SkipsEmptyPieces) {
  auto reply = open({piece(""), piece("a"), piece(""), end_of({})});
  EXPECT_EQ(read(*reply), "data: b'a'\n\ndata: [DONE]\n\n");
}

TEST_F(AnswerStream, GivesAnErrorBeforeTheFirstPieceAStatusOfItsOwn) {
  auto reply = open({base::fail(ErrorCode::unavailable, "the model is starting")});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(context_.cancelled());
}

TEST_F(AnswerStream, TellsAnErrorInTheMiddleAndSaysNoDone) {
  auto reply = open({piece("a"), base::fail(ErrorCode::unavailable, "the model died", "signal 9")});
  ASSERT_TRUE(reply);
  EXPECT_EQ(read(*reply),
            "data: b'a'\n\n"
            "data: "
            "{\"error\":{\"code\":\"unavailable\",\"type\":\"service_unavailable_error\","
            "\"message\":\"the model died\","
            "\"request_id\":\"r-1\",\"retryable\":true}}\n\n");
  EXPECT_EQ(queries("failed"), 1);
  EXPECT_EQ(registry_.counter("rag_errors_total", "", {{"code", "unavailable"}}).value(), 1);
}

TEST_F(AnswerStream, SendsACommentWhileNothingComes) {
  auto reply = open({piece("a")}, ScriptedStream::Ending::hold, 5ms);
  ASSERT_TRUE(reply);
  std::shared_ptr<http::BodyStream> body = std::move(reply->stream);
  EXPECT_EQ(run(loop_, body->next()).value().value(), "data: b'a'\n\n");
  EXPECT_EQ(run(loop_, body->next()).value().value(), ": waiting\n\n");
  EXPECT_EQ(run(loop_, body->next()).value().value(), ": waiting\n\n");
}

TEST_F(AnswerStream, BeginsWithoutAPieceWhenTheFirstTakesLong) {
  auto reply = open({}, ScriptedStream::Ending::hold, 5ms);
  ASSERT_TRUE(reply);
  std::shared_ptr<http::BodyStream> body = std::move(reply->stream);
  EXPECT_EQ(run(loop_, body->next()).value().value(), ": waiting\n\n");
}

TEST_F(AnswerStream, EndsTheGenerationWhenItsReaderLeaves) {
  auto reply = open({piece("a")}, ScriptedStream::Ending::hold);
  ASSERT_TRUE(reply);
  EXPECT_FALSE(*dropped_);
  reply->stream.reset();
  record_.reset();
  EXPECT_TRUE(context_.cancelled());
  loop_.restart();
  loop_.run_for(1s);
  EXPECT_TRUE(*dropped_);
  EXPECT_EQ(queries("cancelled"), 1);
}

TEST_F(AnswerStream, KeepsWhatItRunsInUntilTheAnswerHasEnded) {
  const auto go = std::make_shared<base::Event>(loop_.get_executor());
  const auto outlived = std::make_shared<bool>(false);
  context_.lease = std::shared_ptr<const void>(
      &loop_, [outlived, dropped = dropped_](const void*) { *outlived = *dropped; });
  const std::weak_ptr<const void> lease = context_.lease;
  auto reply = run(loop_, stream_answer(std::make_unique<LateStream>(go, dropped_),
                                        chatqna_answer(), context_, nullptr, {.heartbeat = 5s}));
  ASSERT_TRUE(reply);
  reply->stream.reset();
  context_ = {};
  EXPECT_FALSE(lease.expired());
  go->notify_all();
  loop_.restart();
  loop_.run_for(1s);
  EXPECT_TRUE(lease.expired());
  EXPECT_TRUE(*outlived);  // The answer went first.
}

TEST_F(AnswerStream, ReadsAheadOnlySoFar) {
  std::vector<Item> items;
  for (int i = 0; i < 300; ++i) items.push_back(piece("x"));
  items.push_back(end_of({}));
  auto reply = open(std::move(items));
  ASSERT_TRUE(reply);
  loop_.restart();
  loop_.poll();
  EXPECT_FALSE(*dropped_);  // The pump waits for its reader.
  const std::string bytes = read(*reply);
  std::size_t pieces = 0;
  for (auto at = bytes.find("b'x'"); at != std::string::npos; at = bytes.find("b'x'", at + 1))
    ++pieces;
  EXPECT_EQ(pieces, 300u);
  EXPECT_TRUE(bytes.ends_with("data: [DONE]\n\n"));
}

}  // namespace
}  // namespace opaline::gateway
