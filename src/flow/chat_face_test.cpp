#include "flow/chat_face.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "flow/scripted_service.hpp"

namespace opaline::flow {
namespace {

using base::ErrorCode;
using contract::BytesReply;
using contract::ChatRequest;
using contract::JsonReply;
using contract::JsonRequest;
using contract::Reply;
using contract::Request;

/// Bytes as the network cut them.
class CutStream final : public contract::ByteStream {
 public:
  explicit CutStream(std::vector<std::string> pieces, std::string type = "text/event-stream")
      : pieces_(std::move(pieces)), type_(std::move(type)) {}
  [[nodiscard]] const std::string& content_type() const override { return type_; }
  base::Task<base::Result<std::optional<std::string>>> next() override {
    if (at_ == pieces_.size()) co_return std::nullopt;
    co_return pieces_[at_++];
  }

 private:
  std::vector<std::string> pieces_;
  std::size_t at_ = 0;
  std::string type_;
};

class ChatFaceTest : public testing::Test {
 protected:
  ChatFaceTest() : service_("mine", contract::ServiceKind::custom, &journal_), face_(service_) {}

  base::Result<Reply> ask(ChatRequest request) {
    Outcome<base::Result<Reply>> outcome;
    outcome.of(loop_, face_.ask(std::move(request), context_, {}));
    settle(loop_);
    EXPECT_TRUE(outcome.ended());
    return std::move(outcome.value());
  }
  /// The pieces of an answer, its end behind "|", or its error.
  std::string pull(contract::ChatStream& stream) {
    std::string all;
    for (;;) {
      Outcome<base::Result<contract::ChatDelta>> outcome;
      outcome.of(loop_, stream.next());
      settle(loop_);
      if (!outcome.value())
        return all + "!" + std::string(base::name(outcome.value().error().code));
      if (outcome.value()->end) {
        return all + "|" + std::to_string(outcome.value()->end->usage.completion_tokens);
      }
      all += "<" + outcome.value()->text + ">";
    }
  }
  std::string streamed(std::vector<std::string> pieces) {
    service_.script = [pieces](const Request&) -> base::Result<Reply> {
      return std::unique_ptr<contract::ByteStream>(std::make_unique<CutStream>(pieces));
    };
    auto reply = ask({.messages = {{.role = "user", .content = "q"}}, .stream = true});
    if (!reply) return reply.error().message;
    return pull(*std::get<std::unique_ptr<contract::ChatStream>>(*reply));
  }
  std::string said(const std::string& json) {
    service_.script = [json](const Request&) -> base::Result<Reply> {
      return JsonReply{.body = boost::json::parse(json)};
    };
    auto reply = ask({.messages = {{.role = "user", .content = "q"}}});
    return reply ? std::get<contract::ChatReply>(*reply).text : reply.error().message;
  }

  base::EventLoop loop_;
  Journal journal_;
  base::Context context_;
  ScriptedService service_;
  ChatFace face_;
};

TEST_F(ChatFaceTest, AsksWithMessagesTheirQuestionAndParameters) {
  said("{}");
  ChatRequest request{
      .messages = {{.role = "system", .content = "s"}, {.role = "user", .content = "q"}},
      .model = "opaline"};
  request.sampling.top_p = 0.5;
  ASSERT_TRUE(ask(std::move(request)));
  const auto& asked = std::get<JsonRequest>(service_.requests.back()).body.as_object();
  EXPECT_EQ(asked.at("text"), "q");
  EXPECT_EQ(asked.at("messages").as_array().size(), 2U);
  EXPECT_EQ(asked.at("top_p"), 0.5);
  EXPECT_FALSE(asked.contains("model")) << "the flow's name is none of its models'";
}

TEST_F(ChatFaceTest, TakesACompletionATextOrAnyJson) {
  EXPECT_EQ(said(R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]})"), "a");
  EXPECT_EQ(said(R"({"text":"b","more":1})"), "b");
  EXPECT_EQ(said(R"("c")"), "c");
  EXPECT_EQ(said(R"({"rows":[1]})"), R"({"rows":[1]})");
  EXPECT_EQ(said(R"({"text":null})"), R"({"text":null})");
  EXPECT_EQ(said("null"), "") << "all was passed over";
}

TEST_F(ChatFaceTest, TakesEventsHoweverTheyAreCut) {
  EXPECT_EQ(streamed({"data: b'a", "'\n\ndata: {\"text\":\"b\"}\n\ndata: [DO", "NE]\n\n"}),
            "<a><b>|0");
  EXPECT_EQ(streamed({"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
                      "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{"
                      "\"completion_tokens\":7}}\n\n"}),
            "<a>|7");
}

TEST_F(ChatFaceTest, AStreamThatBreaksOffIsNoAnswer) {
  EXPECT_EQ(streamed({"data: b'a'\n\n"}), "<a>!unavailable");
  EXPECT_EQ(streamed({"data: b'a'\n\ndata: {\"error\":{\"message\":\"x\"}}\n\n"}),
            "<a>!unavailable");
}

TEST_F(ChatFaceTest, WhatCameWholeIsStreamedInOnePiece) {
  service_.script = [](const Request&) -> base::Result<Reply> {
    return JsonReply{.body = boost::json::parse(R"({"text":"all"})")};
  };
  auto reply = ask({.messages = {{.role = "user", .content = "q"}}, .stream = true});
  ASSERT_TRUE(reply);
  EXPECT_EQ(pull(*std::get<std::unique_ptr<contract::ChatStream>>(*reply)), "<all>|0");
}

TEST_F(ChatFaceTest, AServerThatDoesNotStreamIsTakenWhole) {
  service_.script = [](const Request&) -> base::Result<Reply> {
    return std::unique_ptr<contract::ByteStream>(std::make_unique<CutStream>(
        std::vector<std::string>{R"({"te)", R"(xt":"all"})"}, "application/json"));
  };
  auto reply = ask({.messages = {{.role = "user", .content = "q"}}, .stream = true});
  ASSERT_TRUE(reply);
  EXPECT_EQ(pull(*std::get<std::unique_ptr<contract::ChatStream>>(*reply)), "<all>|0");
}

TEST_F(ChatFaceTest, UsageIsAskedForWhereAStreamIs) {
  streamed({"data: [DONE]\n\n"});
  const auto& asked = std::get<JsonRequest>(service_.requests.back()).body.as_object();
  EXPECT_EQ(boost::json::serialize(asked.at("stream_options")), R"({"include_usage":true})");
}

TEST_F(ChatFaceTest, BytesAreNoAnswer) {
  service_.script = [](const Request&) -> base::Result<Reply> {
    return BytesReply{.content_type = "audio/wav", .bytes = "x"};
  };
  const auto reply = ask({.messages = {{.role = "user", .content = "q"}}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::failed_precondition);
  EXPECT_TRUE(reply.error().message.contains("audio/wav"));
}

}  // namespace
}  // namespace opaline::flow
