#include "flow/sentence_relay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <cctype>

#include "flow/orchestrator_fixture.hpp"

namespace opaline::flow {
namespace {

using base::ErrorCode;
using contract::JsonReply;
using contract::JsonRequest;
using contract::Reply;
using contract::Request;
using testing::ElementsAre;
using testing::HasSubstr;

class SentenceRelayTest : public testing::Test {
 protected:
  SentenceRelayTest() {
    step_.script = [this](const Request& request) -> base::Result<Reply> {
      std::string said(std::get<JsonRequest>(request).body.at("text").as_string());
      sentences_.push_back(said);
      std::ranges::transform(said, said.begin(),
                             [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      boost::json::object reply;
      reply.emplace("text", said);
      return JsonReply{.body = std::move(reply)};
    };
  }
  /// All that comes out, then "ERROR …" if it ends so.
  std::string relay(std::vector<std::string> pieces, std::string type = "text/event-stream") {
    SentenceRelay relay(std::make_unique<Pieces>(std::move(pieces), &journal_, std::move(type)),
                        {.call = {.service = &step_},
                         .name = "upper",
                         .failed_after = std::make_shared<std::optional<base::Clock::duration>>()},
                        {});
    std::string all;
    for (;;) {
      Outcome<base::Result<std::optional<std::string>>> next;
      next.of(loop_, relay.next());
      settle(loop_);
      if (!next.value()) {
        error_ = next.value().error();
        return all + "ERROR";
      }
      if (!*next.value()) return all;
      all += **next.value();
    }
  }

  base::EventLoop loop_;
  Journal journal_;
  ScriptedService step_{"upper", contract::ServiceKind::custom, &journal_};
  std::vector<std::string> sentences_;
  base::Error error_;
};

TEST_F(SentenceRelayTest, SendsEachSentenceThroughTheStep) {
  EXPECT_EQ(relay({"data: b'One'\n\ndata: b' two.'\n",
                   "\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" Three\"}}]}\n\n",
                   "data: [DONE]\n\n"}),
            "data: b'ONE '\n\ndata: b'TWO.'\n\ndata: b' THREE'\n\ndata: [DONE]\n\n");
  EXPECT_THAT(sentences_, ElementsAre("One two.", " Three"));
}

TEST_F(SentenceRelayTest, AStreamWithoutSentencesIsNotGatheredForEver) {
  std::vector<std::string> pieces(1000, "data: b'word '\n\n");
  pieces.emplace_back("data: [DONE]\n\n");
  relay(pieces);
  ASSERT_EQ(sentences_.size(), 2U);
  EXPECT_LE(sentences_[0].size(), 4100U);
}

TEST_F(SentenceRelayTest, AnAnswerThatIsJsonGoesThroughAsAWhole) {
  const std::string events = "data: b'A. '\n\ndata: b'B'\n\ndata: [DONE]\n\n";
  EXPECT_EQ(relay({R"({"choices":[{"message":{"con)", R"(tent":"a. b"}}]})"},
                  "application/json; charset=utf-8"),
            events);
  EXPECT_EQ(relay({R"({"text":"a. b"})"}, "application/json"), events);
  EXPECT_THAT(sentences_, ElementsAre("a. b", "a. b"));
}

TEST_F(SentenceRelayTest, JsonWithoutATextIsAnError) {
  EXPECT_EQ(relay({R"({"error":"busy"})"}, "application/json"), "ERROR");
  EXPECT_EQ(error_.code, ErrorCode::internal);
  EXPECT_THAT(error_.message, HasSubstr("holds no text"));
  EXPECT_THAT(error_.detail, HasSubstr("busy"));
}

TEST_F(SentenceRelayTest, AnAnswerThatBreaksOffIsAnError) {
  for (const char* last :
       {"", "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", "data: [DO",
        "data: {\"choices\":[{\"delta\":{},"
        "\"finish_reason\":\"stop\"}]}\n\ndata: {\"cho"}) {
    EXPECT_EQ(relay({"data: b'One.'\n\n", last}), "data: b'ONE.'\n\nERROR") << last;
    EXPECT_EQ(error_.code, ErrorCode::unavailable);
  }
  EXPECT_EQ(relay({}), "ERROR");
}

TEST_F(SentenceRelayTest, AFinishReasonIsAnEndToo) {
  EXPECT_EQ(relay({"data: {\"choices\":[{\"delta\":{\"content\":\"One.\"}}]}\n\n",
                   "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"}),
            "data: b'ONE.'\n\ndata: [DONE]\n\n");
}

}  // namespace
}  // namespace opaline::flow
