#include "services/answering/answering_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cmath>
#include <optional>

#include "base/words.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;
using base::Result;
using contract::ChatReply;
using contract::ChatRequest;
using testing::HasSubstr;
using testing::IsEmpty;

/// Vectors of words: texts are the closer the more words they share.
class WordVectors final : public contract::Service {
 public:
  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::embedding;
  }
  base::Task<Result<contract::Reply>> call(contract::Request request, base::Context) override {
    if (error) co_return base::fail(*error);
    contract::EmbeddingReply reply;
    for (const std::string& text : std::get<contract::EmbeddingRequest>(request).texts)
      reply.vectors.push_back(vector(text));
    if (one_too_few) reply.vectors.pop_back();
    co_return contract::Reply(std::move(reply));
  }
  [[nodiscard]] contract::Health health() const override {
    return {.state = contract::Health::State::starting, .reason = "e"};
  }

  static std::vector<float> vector(std::string_view text) {
    std::vector<float> made(512, 0.0F);
    for (const base::Word& word : base::words(text)) {
      if (!base::is_stop_word(word.text))
        made[std::hash<std::string>()(base::word_stem(word.text)) % made.size()] = 1;
    }
    float square = 0;
    for (const float value : made) square += value * value;
    for (float& value : made) value = square > 0 ? value / std::sqrt(square) : 0;
    return made;
  }

  std::optional<base::Error> error;
  bool one_too_few = false;
};

class ScriptedStream final : public contract::ChatStream {
 public:
  explicit ScriptedStream(std::string text) : text_(std::move(text)) {}
  base::Task<Result<contract::ChatDelta>> next() override {
    contract::ChatDelta delta;
    if (at_ < text_.size()) {
      delta.text = text_.substr(at_, 5);
      at_ += 5;
    } else {
      delta.end = ChatReply{.usage = {.prompt_tokens = 9, .completion_tokens = 4}, .model = "tiny"};
    }
    co_return delta;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

/// A language model that says what it is told to.
class ScriptedModel final : public contract::Service {
 public:
  [[nodiscard]] contract::ServiceKind kind() const override { return contract::ServiceKind::llm; }
  base::Task<Result<contract::Reply>> call(contract::Request request, base::Context) override {
    asked.push_back(std::get<ChatRequest>(request));
    if (asked.back().stream) co_return contract::Reply(std::make_unique<ScriptedStream>(text));
    ChatReply reply{
        .text = text, .usage = {.prompt_tokens = 9, .completion_tokens = 4}, .model = "tiny"};
    reply.finish_reason = contract::FinishReason::length;
    co_return contract::Reply(std::move(reply));
  }
  [[nodiscard]] contract::Health health() const override {
    return {.state = contract::Health::State::failed, .reason = "m"};
  }

  std::string text;
  std::vector<ChatRequest> asked;
};

const std::string kDocument =
    "Welcome. RADIUS port\nThe default RADIUS port is 1812. It may be changed by radiusports. "
    "Passwords travel in clear text.";

class AnsweringServiceTest : public testing::Test {
 protected:
  using Mode = AnsweringSettings::Mode;

  std::unique_ptr<AnsweringService> make(Mode mode) {
    auto made = AnsweringService::create({.mode = mode}, embedding_, &model_);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }

  static ChatRequest question(std::string text) {
    contract::Hit hit;
    hit.document_id = "d1";
    hit.source = "auth.html";
    hit.title = "Authentication";
    hit.title_path = "Authentication > RADIUS";
    hit.text = kDocument.substr(9);
    hit.span = {.begin = 9, .end = kDocument.size()};
    contract::Hit other;
    other.text = "Cheese is made of milk.";
    other.span = {.begin = 0, .end = other.text.size()};
    ChatRequest request;
    request.messages.push_back({.role = "user", .content = text});
    request.grounding = contract::Grounding{.question = std::move(text), .sources = {hit, other}};
    return request;
  }

  Result<contract::Reply> call(AnsweringService& service, contract::Request request) {
    std::optional<Result<contract::Reply>> reply;
    base::EventLoop loop(1);
    boost::asio::co_spawn(loop, run(service, std::move(request), reply), boost::asio::detached);
    loop.run_for(std::chrono::seconds(5));
    EXPECT_TRUE(reply.has_value());
    return std::move(*reply);
  }
  static base::Task<> run(AnsweringService& service, contract::Request request,
                          std::optional<Result<contract::Reply>>& out) {
    out.emplace(co_await service.call(std::move(request), {}));
  }

  ChatReply answer(Mode mode, ChatRequest request) {
    const auto service = make(mode);
    auto reply = call(*service, std::move(request));
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? std::get<ChatReply>(std::move(*reply)) : ChatReply{};
  }

  struct Told {
    std::vector<std::string> pieces;
    std::optional<ChatReply> end;
    std::string text;
  };
  static base::Task<> listen(contract::ChatStream& stream, Told& told) {
    while (!told.end) {
      auto delta = co_await stream.next();
      if (!delta) co_return;
      told.text += delta->text;
      if (!delta->text.empty()) told.pieces.push_back(delta->text);
      told.end = std::move(delta->end);
    }
  }
  Told stream(Mode mode, ChatRequest request) {
    request.stream = true;
    const auto service = make(mode);
    auto reply = call(*service, std::move(request));
    EXPECT_TRUE(reply) << reply.error().message;
    Told told;
    base::EventLoop loop(1);
    boost::asio::co_spawn(loop,
                          listen(*std::get<std::unique_ptr<contract::ChatStream>>(*reply), told),
                          boost::asio::detached);
    loop.run_for(std::chrono::seconds(5));
    EXPECT_TRUE(told.end.has_value());
    return told;
  }

  static void expect_true_spans(const ChatReply& reply, std::string_view text) {
    for (const contract::Citation& citation : reply.citations) {
      ASSERT_LE(citation.answer_span.end, text.size());
      const std::string_view document =
          citation.source == 1 ? std::string_view(kDocument) : "Cheese is made of milk.";
      EXPECT_EQ(document.substr(citation.source_span.begin,
                                citation.source_span.end - citation.source_span.begin),
                citation.quote);
    }
  }

  WordVectors embedding_;
  ScriptedModel model_;
};

TEST_F(AnsweringServiceTest, ExtractQuotesTheSentencesWithTheirTerm) {
  const ChatReply reply = answer(Mode::extract, question("default RADIUS port"));
  EXPECT_FALSE(reply.declined);
  EXPECT_THAT(reply.text, HasSubstr("RADIUS port: The default RADIUS port is 1812. [1]"));
  EXPECT_EQ(reply.sources.size(), 2U);
  ASSERT_FALSE(reply.citations.empty());
  EXPECT_EQ(reply.citations.front().source, 1);
  EXPECT_THAT(reply.citations.front().quote, HasSubstr("The default RADIUS port is 1812."));
  expect_true_spans(reply, reply.text);
  EXPECT_TRUE(model_.asked.empty());
}

TEST_F(AnsweringServiceTest, ExtractKeepsSentencesOfAParagraphTogether) {
  const ChatReply reply = answer(Mode::extract, question("default RADIUS port changed"));
  EXPECT_THAT(reply.text, HasSubstr("is 1812. [1] It may be changed by radiusports. [1]"));
}

TEST_F(AnsweringServiceTest, ExtractPutsNoMarkBehindACommand) {
  ChatRequest asked = question("How do I add documents?");
  contract::Hit& hit = asked.grounding->sources.front();
  hit.text = "Add documents\n\nDocuments are added by a command:\n\nopaline ingest FILE";
  hit.span = {.begin = 0, .end = hit.text.size()};
  const ChatReply reply = answer(Mode::extract, std::move(asked));
  EXPECT_EQ(reply.text, "Documents are added by a command:\n\nopaline ingest FILE\n[1]");
  ASSERT_EQ(reply.citations.size(), 1U);
  EXPECT_EQ(reply.citations.front().quote,
            "Documents are added by a command:\n\nopaline ingest FILE");
  EXPECT_EQ(reply.citations.front().answer_span.end, reply.text.size());
}

TEST_F(AnsweringServiceTest, ExtractStreamsTheSameAnswer) {
  const ChatReply whole = answer(Mode::extract, question("default RADIUS port changed"));
  const Told told = stream(Mode::extract, question("default RADIUS port changed"));
  EXPECT_EQ(told.text, whole.text);
  EXPECT_GT(told.pieces.size(), 1U);
  EXPECT_TRUE(told.end->text.empty());
  EXPECT_EQ(told.end->citations.size(), whole.citations.size());
  EXPECT_EQ(told.end->sources, whole.sources);
}

TEST_F(AnsweringServiceTest, DeclinesWhatTheSourcesDoNotSay) {
  for (const Mode mode : {Mode::extract, Mode::generate}) {
    const ChatReply reply = answer(mode, question("Who won the chess championship in Madrid?"));
    EXPECT_TRUE(reply.declined);
    EXPECT_EQ(reply.text, "The sources do not say.");
    EXPECT_THAT(reply.citations, IsEmpty());
  }
  EXPECT_TRUE(model_.asked.empty());
  const Told told = stream(Mode::extract, question("Who won the chess championship in Madrid?"));
  EXPECT_EQ(told.text, "The sources do not say.");
  EXPECT_TRUE(told.end->declined);
}

TEST_F(AnsweringServiceTest, DeclinesWithoutSources) {
  ChatRequest request = question("default RADIUS port");
  request.grounding->sources.clear();
  EXPECT_TRUE(answer(Mode::extract, request).declined);
  request.grounding->sources.resize(1);  // One without text.
  EXPECT_TRUE(answer(Mode::extract, request).declined);
}

TEST_F(AnsweringServiceTest, GenerateChecksTheModelsSentences) {
  model_.text = " The RADIUS port is 1812 by default. [1] It was chosen by Napoleon. [1]";
  const ChatReply reply = answer(Mode::generate, question("default RADIUS port"));
  EXPECT_EQ(reply.text, "The RADIUS port is 1812 by default. [1] It was chosen by Napoleon.");
  ASSERT_EQ(reply.citations.size(), 2U);
  EXPECT_TRUE(reply.citations[0].supported);
  EXPECT_FALSE(reply.citations[1].supported);
  EXPECT_FALSE(reply.citations[1].quote.empty());
  expect_true_spans(reply, reply.text);
  EXPECT_EQ(reply.usage.prompt_tokens, 9U);
  EXPECT_EQ(reply.model, "tiny");
  EXPECT_EQ(reply.finish_reason, contract::FinishReason::length);
  ASSERT_EQ(model_.asked.size(), 1U);
  EXPECT_THAT(model_.asked.front().prompt.value(),
              HasSubstr("[1] Authentication > RADIUS: RADIUS port The default"));
  EXPECT_FALSE(model_.asked.front().grounding);
}

TEST_F(AnsweringServiceTest, GenerateStreamsCheckedSentences) {
  model_.text = " The RADIUS port is 1812 by default. [1] It was chosen by Napoleon. [1]";
  const ChatReply whole = answer(Mode::generate, question("default RADIUS port"));
  const Told told = stream(Mode::generate, question("default RADIUS port"));
  EXPECT_EQ(told.text, whole.text);
  EXPECT_EQ(told.end->citations.size(), 2U);
  EXPECT_EQ(told.end->usage.completion_tokens, 4U);
  EXPECT_EQ(told.end->sources.size(), 2U);
  expect_true_spans(*told.end, told.text);
}

TEST_F(AnsweringServiceTest, GenerateNotesWhenTheModelDeclines) {
  model_.text = " The sources do not say.";
  const ChatReply reply = answer(Mode::generate, question("default RADIUS port"));
  EXPECT_TRUE(reply.declined);
  EXPECT_THAT(reply.citations, IsEmpty());
}

TEST_F(AnsweringServiceTest, WithoutGroundingTheModelIsAskedAsItIs) {
  model_.text = "Hello.";
  ChatRequest request;
  request.messages.push_back({.role = "user", .content = "hi"});
  EXPECT_EQ(answer(Mode::extract, request).text, "Hello.");
  ASSERT_EQ(model_.asked.size(), 1U);
  EXPECT_EQ(model_.asked.front().messages, request.messages);
  EXPECT_FALSE(model_.asked.front().prompt);
}

TEST_F(AnsweringServiceTest, WithoutAModelOnlyGroundedQuestionsAreAnswered) {
  auto service = AnsweringService::create({.mode = Mode::extract}, embedding_, nullptr);
  ASSERT_TRUE(service);
  EXPECT_EQ(call(**service, ChatRequest{}).error().code, ErrorCode::failed_precondition);
  EXPECT_TRUE(call(**service, question("default RADIUS port")));
}

TEST_F(AnsweringServiceTest, WithoutVectorsJudgesByWordsAndSaysSo) {
  embedding_.error = base::Error{ErrorCode::unavailable, "it is starting", ""};
  const ChatReply reply = answer(Mode::extract, question("default RADIUS port"));
  EXPECT_FALSE(reply.declined);
  ASSERT_EQ(reply.warnings.size(), 1U);
  EXPECT_EQ(reply.warnings.front(), "judged by words alone: it is starting");
  embedding_.error.reset();
  embedding_.one_too_few = true;
  EXPECT_THAT(answer(Mode::extract, question("default RADIUS port")).warnings.front(),
              HasSubstr("another number"));
}

TEST_F(AnsweringServiceTest, ACancelledQuestionIsNotAnswered) {
  embedding_.error = base::Error{ErrorCode::cancelled, "the caller left", ""};
  EXPECT_EQ(call(*make(Mode::extract), question("default RADIUS port")).error().code,
            ErrorCode::cancelled);
}

TEST_F(AnsweringServiceTest, RefusesOtherRequests) {
  EXPECT_EQ(call(*make(Mode::extract), contract::EmbeddingRequest{}).error().code,
            ErrorCode::invalid_argument);
}

TEST_F(AnsweringServiceTest, IsAsHealthyAsWhatItNeeds) {
  EXPECT_EQ(make(Mode::extract)->health().reason, "e");
  EXPECT_EQ(make(Mode::generate)->health().reason, "m");
}

TEST_F(AnsweringServiceTest, RefusesWrongSettings) {
  const auto refused = [&](AnsweringSettings settings, contract::Service* llm) {
    auto made = AnsweringService::create(std::move(settings), embedding_, llm);
    return made ? std::optional<ErrorCode>() : made.error().code;
  };
  EXPECT_EQ(refused({.mode = Mode::generate}, nullptr), ErrorCode::failed_precondition);
  EXPECT_EQ(refused({.sources = 0}, &model_), ErrorCode::invalid_argument);
  EXPECT_EQ(refused({.sentences = 0}, &model_), ErrorCode::invalid_argument);
  EXPECT_EQ(refused({.strength_min = 2}, &model_), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace opaline::services
