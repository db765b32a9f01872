#include "services/llm/llm_service.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <thread>

#include "base/limits.hpp"

namespace opaline::services {
namespace {

using namespace std::chrono_literals;
using contract::ChatReply;
using contract::ChatRequest;
using contract::ChatStream;

/// Says its pieces from a thread of its own, like the real one, or keeps the sink for the test to
/// drive.
class ScriptedGenerator final : public engine::Generator {
 public:
  ~ScriptedGenerator() override {
    if (thread_.joinable()) thread_.join();
  }
  void submit(engine::Generation generation, engine::GenerationSink sink) override {
    last = std::move(generation);
    kept = sink;
    if (keep) return;
    thread_ = std::thread([this, sink = std::move(sink)] {
      for (const std::string& piece : pieces) {
        if (sink.abandoned()) break;
        sink.on_text(piece);
        ++said;
      }
      sink.on_end(end);
    });
  }
  [[nodiscard]] bool has_chat_template() const override { return chat_template; }
  [[nodiscard]] std::size_t context_tokens() const override { return 8192; }
  [[nodiscard]] const std::string& model_name() const override { return name_; }
  [[nodiscard]] std::size_t queued() const override { return 0; }
  [[nodiscard]] std::size_t count_tokens(std::string_view text) const override {
    return text.size();
  }

  std::vector<std::string> pieces = {"Hel", "lo", "."};
  base::Result<engine::Generated> end =
      engine::Generated{.reason = engine::Generated::Reason::length,
                        .prompt_tokens = 5,
                        .completion_tokens = 3,
                        .cached_tokens = 2};
  engine::Generation last;
  engine::GenerationSink kept;
  bool keep = false;
  bool chat_template = true;
  std::atomic<std::size_t> said = 0;

 private:
  std::string name_ = "parrot";
  std::thread thread_;
};

ChatRequest question() {
  ChatRequest request;
  request.messages = {{"user", "Hi?"}};
  return request;
}

void run(base::Task<> task) {
  base::EventLoop loop(1);
  boost::asio::co_spawn(loop, std::move(task),
                        [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  loop.run_for(5s);
  EXPECT_TRUE(loop.stopped()) << "it did not end";
}

base::Task<> call_into(base::Result<contract::Reply>& into, contract::Service& service,
                       contract::Request request, base::Context context) {
  into = co_await service.call(std::move(request), std::move(context));
}

base::Result<contract::Reply> call(contract::Service& service, contract::Request request,
                                   base::Context context = {}) {
  base::Result<contract::Reply> reply = base::fail(base::ErrorCode::internal, "it did not end");
  run(call_into(reply, service, std::move(request), std::move(context)));
  return reply;
}

TEST(LlmService, AnswersWhole) {
  ScriptedGenerator generator;
  LlmService service(generator);
  const auto reply = call(service, question());
  ASSERT_TRUE(reply);
  const auto& chat = std::get<ChatReply>(*reply);
  EXPECT_EQ(chat.text, "Hello.");
  EXPECT_EQ(chat.finish_reason, contract::FinishReason::length);
  EXPECT_EQ(chat.usage.prompt_tokens, 5U);
  EXPECT_EQ(chat.usage.completion_tokens, 3U);
  EXPECT_EQ(chat.usage.cached_tokens, 2U);
  EXPECT_EQ(chat.model, "parrot");
}

base::Task<> read_all(contract::Service& service, std::vector<std::string>& pieces,
                      std::optional<ChatReply>& end) {
  ChatRequest request = question();
  request.stream = true;
  auto reply = co_await service.call(std::move(request), {});
  EXPECT_TRUE(reply);
  const auto stream = std::get<std::unique_ptr<ChatStream>>(std::move(*reply));
  while (!end) {
    auto delta = co_await stream->next();
    if (!delta) break;
    if (delta->end) {
      end = std::move(delta->end);
    } else {
      pieces.push_back(std::move(delta->text));
    }
  }
}

TEST(LlmService, StreamsPieceByPieceWithAnEnd) {
  ScriptedGenerator generator;
  LlmService service(generator);
  std::vector<std::string> pieces;
  std::optional<ChatReply> end;
  run(read_all(service, pieces, end));
  EXPECT_EQ(pieces, generator.pieces);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->text, "");
  EXPECT_EQ(end->usage.completion_tokens, 3U);
}

TEST(LlmService, ABaseModelsAnswerLosesItsFirstBlanksOnly) {
  ScriptedGenerator generator;
  generator.chat_template = false;
  generator.pieces = {" ", "\n Hel", " lo "};
  LlmService service(generator);
  EXPECT_EQ(std::get<ChatReply>(*call(service, question())).text, "Hel lo ");
  EXPECT_EQ(generator.last.text, "User: Hi?\nAssistant:");

  ScriptedGenerator completer;
  completer.chat_template = false;
  completer.pieces = {" there"};
  LlmService completions(completer);
  ChatRequest request;
  request.prompt = "Once";
  EXPECT_EQ(std::get<ChatReply>(*call(completions, request)).text, " there")
      << "a completion is left as it is";
}

TEST(LlmService, PassesTheGeneratorsErrorsOn) {
  ScriptedGenerator generator;
  generator.pieces = {};
  generator.end = base::fail(base::ErrorCode::resource_exhausted, "64 requests wait already");
  LlmService service(generator);
  EXPECT_EQ(call(service, question()).error().message, "64 requests wait already");
}

TEST(LlmService, RefusesWhatItCannotDo) {
  ScriptedGenerator generator;
  LlmService service(generator);
  EXPECT_EQ(call(service, ChatRequest{}).error().code, base::ErrorCode::invalid_argument);
  EXPECT_EQ(call(service, contract::EmbeddingRequest{}).error().code,
            base::ErrorCode::invalid_argument);
}

base::Task<> open_and_drop(contract::Service& service) {
  ChatRequest request = question();
  request.stream = true;
  auto reply = co_await service.call(std::move(request), {});
  EXPECT_TRUE(reply);
}

TEST(LlmService, DroppingTheStreamAbandonsTheGeneration) {
  ScriptedGenerator generator;
  generator.keep = true;
  LlmService service(generator);
  run(open_and_drop(service));
  EXPECT_TRUE(generator.kept.abandoned());
  generator.kept.on_text("too late");
  generator.kept.on_end(engine::Generated{});
}

TEST(LlmService, CancellationEndsTheWaitAndTheGeneration) {
  ScriptedGenerator generator;
  generator.keep = true;
  LlmService service(generator);
  base::Context context;
  base::EventLoop loop(1);
  base::Result<contract::Reply> reply = base::fail(base::ErrorCode::internal, "it did not end");
  boost::asio::co_spawn(loop, call_into(reply, service, question(), context),
                        [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  boost::asio::post(loop, [&] {
    EXPECT_FALSE(generator.kept.abandoned());
    context.cancellation->request();
  });
  loop.run_for(5s);
  EXPECT_EQ(reply.error().code, base::ErrorCode::cancelled);
  EXPECT_TRUE(generator.kept.abandoned());
}

TEST(LlmService, TheDeadlineEndsTheWaitAndTheGeneration) {
  ScriptedGenerator generator;
  generator.keep = true;
  LlmService service(generator);
  base::Context context;
  context.deadline = base::Context::Clock::now() + 20ms;
  EXPECT_EQ(call(service, question(), context).error().code, base::ErrorCode::deadline_exceeded);
  EXPECT_TRUE(generator.kept.abandoned());
}

TEST(LlmService, AReaderThatNeverReadsStopsTheGenerationInTheEnd) {
  ScriptedGenerator generator;
  generator.keep = true;
  LlmService service(generator);
  ChatRequest request = question();
  request.stream = true;
  const auto reply = call(service, request);
  for (std::size_t i = 0; i < limits::kAnswerTokens; ++i) generator.kept.on_text("x");
  EXPECT_FALSE(generator.kept.abandoned());
  for (int i = 0; i < 100; ++i) generator.kept.on_text("x");
  EXPECT_TRUE(generator.kept.abandoned());
}

}  // namespace
}  // namespace opaline::services
