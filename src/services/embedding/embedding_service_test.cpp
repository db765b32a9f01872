#include "services/embedding/embedding_service.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <thread>

#include "base/event.hpp"
#include "base/limits.hpp"

namespace opaline::services {
namespace {

using namespace std::chrono_literals;
using contract::EmbeddingReply;
using contract::EmbeddingRequest;

/// Encodes a text as its length; answers from a thread of its own, unless told to keep the job.
class ScriptedEncoder final : public engine::Encoder {
 public:
  void submit(engine::EncodeJob job, Done done) override {
    last = job;
    if (failure) return done(base::fail(*failure));
    if (keep) {
      kept = std::move(done);
      return;
    }
    std::vector<engine::Encoded> all;
    for (const std::string& text : job.texts) {
      all.push_back({.values = {static_cast<float>(text.size()), 1},
                     .rows = 1,
                     .tokens = text.size(),
                     .cut = text.size() > 512});
    }
    std::jthread([done = std::move(done), all = std::move(all)]() mutable {
      done(std::move(all));
    }).join();
  }
  [[nodiscard]] bool ranks() const override { return false; }
  [[nodiscard]] std::size_t dimension() const override { return 2; }
  [[nodiscard]] std::size_t window_tokens() const override { return 512; }
  [[nodiscard]] const std::string& model_name() const override { return name_; }
  [[nodiscard]] std::size_t queued_texts() const override { return 0; }
  [[nodiscard]] std::size_t count_tokens(std::string_view text) const override {
    return text.size();
  }

  engine::EncodeJob last;
  Done kept;
  bool keep = false;
  std::optional<base::Error> failure;

 private:
  std::string name_ = "lengths";
};

base::Task<> call_into(base::Result<contract::Reply>& into, contract::Service& service,
                       contract::Request request, base::Context context) {
  into = co_await service.call(std::move(request), std::move(context));
}

base::Result<EmbeddingReply> call(contract::Service& service, contract::Request request,
                                  base::Context context = {}) {
  base::EventLoop loop(1);
  base::Result<contract::Reply> reply = base::fail(base::ErrorCode::internal, "it did not end");
  boost::asio::co_spawn(loop, call_into(reply, service, std::move(request), std::move(context)),
                        [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  loop.run_for(5s);
  if (!reply) return base::fail(reply.error());
  return std::get<EmbeddingReply>(std::move(*reply));
}

TEST(EmbeddingService, GivesAVectorATextInOrder) {
  ScriptedEncoder encoder;
  EmbeddingService service(encoder);
  const auto reply = call(service, EmbeddingRequest{.texts = {"abc", "", "a"}, .model = {}});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->vectors, (std::vector<std::vector<float>>{{3, 1}, {0, 1}, {1, 1}}));
  EXPECT_EQ(reply->model, "lengths");
  EXPECT_EQ(reply->prompt_tokens, 4U);
  EXPECT_TRUE(reply->warnings.empty());
}

TEST(EmbeddingService, WarnsOfTextsThatWereCut) {
  ScriptedEncoder encoder;
  EmbeddingService service(encoder);
  const auto reply =
      call(service, EmbeddingRequest{.texts = {"a", std::string(700, 'x')}, .model = {}});
  EXPECT_EQ(reply->warnings, std::vector<std::string>{"input 1: 700 tokens, cut to 512"});
}

TEST(EmbeddingService, BulkWorkYields) {
  ScriptedEncoder encoder;
  EmbeddingService service(encoder);
  (void)call(
      service,
      EmbeddingRequest{.texts = {"a"}, .model = {}, .priority = EmbeddingRequest::Priority::bulk});
  EXPECT_EQ(encoder.last.priority, engine::EncodeJob::Priority::bulk);
}

TEST(EmbeddingService, RefusesWhatItCannotDo) {
  ScriptedEncoder encoder;
  EmbeddingService service(encoder);
  EXPECT_EQ(call(service, EmbeddingRequest{}).error().code, base::ErrorCode::invalid_argument);
  EXPECT_EQ(call(service, contract::ChatRequest{}).error().code, base::ErrorCode::invalid_argument);
  EmbeddingRequest many;
  many.texts.resize(limits::kEmbeddingTexts + 1);
  EXPECT_EQ(call(service, many).error().code, base::ErrorCode::invalid_argument);
  encoder.failure =
      base::Error{.code = base::ErrorCode::resource_exhausted, .message = "full", .detail = {}};
  EXPECT_EQ(call(service, EmbeddingRequest{.texts = {"a"}, .model = {}}).error().message, "full");
}

TEST(EmbeddingService, EndsAtItsDeadlineThoughTheEncoderDoesNot) {
  ScriptedEncoder encoder;
  encoder.keep = true;
  EmbeddingService service(encoder);
  base::Context context;
  context.deadline = base::Context::Clock::now() + 20ms;
  EXPECT_EQ(call(service, EmbeddingRequest{.texts = {"a"}, .model = {}}, context).error().code,
            base::ErrorCode::deadline_exceeded);
  EXPECT_TRUE(encoder.last.abandoned());
  encoder.kept(std::vector<engine::Encoded>(1));  // Too late, and harmless.
}

TEST(EmbeddingService, EndsWhenTheCallerLeaves) {
  ScriptedEncoder encoder;
  encoder.keep = true;
  EmbeddingService service(encoder);
  base::Context context;
  EXPECT_FALSE(encoder.last.abandoned && encoder.last.abandoned());
  base::EventLoop loop(1);
  base::Result<contract::Reply> reply = base::fail(base::ErrorCode::internal, "it did not end");
  boost::asio::co_spawn(
      loop, call_into(reply, service, EmbeddingRequest{.texts = {"a"}, .model = {}}, context),
      [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  boost::asio::post(loop, [&] { context.cancellation->request(); });
  loop.run_for(5s);
  EXPECT_EQ(reply.error().code, base::ErrorCode::cancelled);
  EXPECT_TRUE(encoder.last.abandoned());
}

}  // namespace
}  // namespace opaline::services
