#include "engine/generator.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <future>
#include <limits>

#include "base/utf8.hpp"
#include "engine/engine_fixture.hpp"
#include "engine/tiny_llama.hpp"

namespace opaline::engine {
namespace {

struct Outcome {
  std::string text;
  base::Result<Generated> end = base::fail(base::ErrorCode::internal, "not ended");
};

/// Starts a generation; the future is ready once it has ended.
std::future<Outcome> start(Generator& generator, Generation asked,
                           std::function<bool()> abandoned = {},
                           std::function<void(const std::string&)> on_text = {}) {
  struct State {
    std::promise<Outcome> promise;
    Outcome outcome;
    std::atomic<int> ends = 0;
  };
  auto state = std::make_shared<State>();
  auto future = state->promise.get_future();
  generator.submit(std::move(asked), {.on_text =
                                          [state, on_text](std::string text) {
                                            EXPECT_EQ(state->ends, 0);
                                            EXPECT_FALSE(text.empty());
                                            EXPECT_TRUE(base::is_utf8(text));
                                            if (on_text) on_text(text);
                                            state->outcome.text += text;
                                          },
                                      .on_end =
                                          [state](base::Result<Generated> end) {
                                            EXPECT_EQ(++state->ends, 1);
                                            state->outcome.end = std::move(end);
                                            state->promise.set_value(std::move(state->outcome));
                                          },
                                      .abandoned = std::move(abandoned)});
  return future;
}

Outcome run(Generator& generator, Generation asked) {
  return start(generator, std::move(asked)).get();
}

Generation babble(std::string text, std::size_t max_tokens = 20) {
  Generation asked;
  asked.text = std::move(text);
  asked.max_tokens = max_tokens;
  asked.temperature = 0;
  return asked;
}

class GeneratorTest : public BackendFixture {
 protected:
  void create(TinyLlama model = {}, std::size_t sequences = 4, std::size_t queue = 64,
              std::size_t context = 0) {
    write_file(folder_.path() / "tiny.gguf", model.bytes());
    auto created = Generator::create(*backend, {.model = folder_.path() / "tiny.gguf",
                                                .threads = 2,
                                                .context_tokens = context,
                                                .sequences = sequences,
                                                .queue = queue});
    ASSERT_TRUE(created) << created.error().message;
    generator_ = std::move(*created);
  }

  TemporaryFolder folder_;
  std::unique_ptr<Generator> generator_;
};

TEST_F(GeneratorTest, WritesUntilMaxTokens) {
  create();
  const Outcome outcome = run(*generator_, babble("abc", 20));
  ASSERT_TRUE(outcome.end) << outcome.end.error().message;
  EXPECT_EQ(outcome.end->reason, Generated::Reason::length);
  EXPECT_EQ(outcome.end->completion_tokens, 20U);
  EXPECT_EQ(outcome.end->prompt_tokens, generator_->count_tokens("abc"));
  EXPECT_EQ(outcome.end->cached_tokens, 0U);
  EXPECT_FALSE(outcome.text.empty());
  EXPECT_EQ(generator_->model_name(), "tiny");
  EXPECT_EQ(generator_->context_tokens(), TinyLlama::kContext);
  EXPECT_EQ(generator_->queued(), 0U);
}

TEST_F(GeneratorTest, StopsWhenTheContextIsFull) {
  create();
  const Outcome outcome = run(*generator_, babble("abc", 100'000));
  ASSERT_TRUE(outcome.end);
  EXPECT_EQ(outcome.end->reason, Generated::Reason::length);
  EXPECT_EQ(outcome.end->prompt_tokens + outcome.end->completion_tokens, TinyLlama::kContext);
}

TEST_F(GeneratorTest, SameSeedSameText) {
  create();
  Generation asked = babble("seed", 40);
  asked.temperature = 1.5;
  asked.top_k = 0;
  asked.seed = 11;
  const Outcome first = run(*generator_, asked);
  const Outcome second = run(*generator_, asked);
  asked.seed = 12;
  const Outcome third = run(*generator_, asked);
  EXPECT_EQ(first.text, second.text);
  EXPECT_NE(first.text, third.text);
}

TEST_F(GeneratorTest, TakesACommonPrefixFromTheCache) {
  create();
  const std::string prompt(100, 'a');
  const Outcome first = run(*generator_, babble(prompt));
  const Outcome again = run(*generator_, babble(prompt));
  ASSERT_TRUE(again.end);
  EXPECT_EQ(again.end->cached_tokens, again.end->prompt_tokens - 1);
  EXPECT_EQ(again.text, first.text);
  const Outcome longer = run(*generator_, babble(prompt + "b"));
  EXPECT_EQ(longer.end->cached_tokens, longer.end->prompt_tokens - 1);
  const Outcome other = run(*generator_, babble("b" + prompt));
  EXPECT_LE(other.end->cached_tokens, 2U);
}

TEST_F(GeneratorTest, RunsManyAtOnceAndQueuesTheRest) {
  create({}, 4);
  const Outcome alone = run(*generator_, babble("text 3", 30));
  std::vector<std::future<Outcome>> futures;
  for (int i = 0; i < 20; ++i)
    futures.push_back(start(*generator_, babble("text " + std::to_string(i), 30)));
  for (int i = 0; i < 20; ++i) {
    const Outcome outcome = futures[static_cast<std::size_t>(i)].get();
    ASSERT_TRUE(outcome.end) << outcome.end.error().message;
    EXPECT_EQ(outcome.end->completion_tokens, 30U);
    if (i == 3) EXPECT_EQ(outcome.text, alone.text);
  }
}

TEST_F(GeneratorTest, GoesOnWhenTheCacheIsFullOfEndedOnes) {
  create({}, 4, 64, 64);  // 128 cells, two whole contexts.
  for (int i = 0; i < 30; ++i) {
    const Outcome outcome =
        run(*generator_,
            babble(std::to_string(i) + std::string(40, static_cast<char>('a' + i % 26)), 20));
    ASSERT_TRUE(outcome.end) << outcome.end.error().message;
    EXPECT_EQ(outcome.end->completion_tokens,
              std::min<std::size_t>(20, 64 - outcome.end->prompt_tokens));
  }
  std::vector<std::future<Outcome>> futures;
  for (int i = 0; i < 12; ++i)
    futures.push_back(start(*generator_, babble(std::string(30, static_cast<char>('a' + i)), 100)));
  for (auto& future : futures) {
    const Outcome outcome = future.get();
    ASSERT_TRUE(outcome.end) << outcome.end.error().message;
    EXPECT_EQ(outcome.end->prompt_tokens + outcome.end->completion_tokens, 64U);
  }
}

TEST_F(GeneratorTest, RefusesWhenTheQueueIsFull) {
  create({}, 1, 2);
  // The first one's text callback holds the generating thread until all are submitted.
  std::promise<void> all_submitted;
  const auto wait = all_submitted.get_future().share();
  std::promise<void> running;
  std::vector<std::future<Outcome>> futures;
  futures.push_back(
      start(*generator_, babble("first", 50), {}, [&, told = false](const std::string&) mutable {
        if (!told) running.set_value();
        told = true;
        wait.wait();
      }));
  running.get_future().wait();
  for (int i = 0; i < 3; ++i) futures.push_back(start(*generator_, babble("next", 2)));
  const Outcome refused = futures.back().get();
  ASSERT_FALSE(refused.end);
  EXPECT_EQ(refused.end.error().code, base::ErrorCode::resource_exhausted);
  EXPECT_EQ(generator_->queued(), 2U);
  all_submitted.set_value();
  for (std::size_t i = 0; i + 1 < futures.size(); ++i) EXPECT_TRUE(futures[i].get().end);
}

TEST_F(GeneratorTest, RefusesPromptsThatDoNotFit) {
  create();
  const Outcome outcome = run(*generator_, babble(std::string(1000, 'a')));
  ASSERT_FALSE(outcome.end);
  EXPECT_EQ(outcome.end.error().code, base::ErrorCode::invalid_argument);
  EXPECT_NE(outcome.end.error().message.find("256"), std::string::npos)
      << outcome.end.error().message;
  EXPECT_NE(outcome.end.error().message.find("100"), std::string::npos)
      << outcome.end.error().message;
  const Outcome megabytes = run(*generator_, babble(std::string(20'000'000, 'a')));
  ASSERT_FALSE(megabytes.end);
  EXPECT_EQ(megabytes.end.error().code, base::ErrorCode::invalid_argument);
}

TEST_F(GeneratorTest, RefusesWrongSettings) {
  create();
  std::vector<Generation> wrong(6, babble("a"));
  wrong[0].max_tokens = 0;
  wrong[1].temperature = std::numeric_limits<double>::quiet_NaN();
  wrong[2].top_p = std::numeric_limits<double>::infinity();
  wrong[3].repetition_penalty = 0;
  wrong[4].json_schema = "{";
  wrong[5].messages = {{"oracle", "a"}};
  for (const Generation& asked : wrong) {
    const Outcome outcome = run(*generator_, asked);
    ASSERT_FALSE(outcome.end);
    EXPECT_EQ(outcome.end.error().code, base::ErrorCode::invalid_argument);
  }
  EXPECT_EQ(generator_->queued(), 0U);
  EXPECT_TRUE(run(*generator_, babble("a")).end);
}

TEST_F(GeneratorTest, TakesMessagesOnlyWithATemplate) {
  create();
  EXPECT_TRUE(generator_->has_chat_template());
  Generation asked = babble("", 5);
  asked.messages = {{"user", "red"}};
  EXPECT_TRUE(run(*generator_, asked).end);
  generator_.reset();

  TinyLlama model;
  model.chat_template.clear();
  create(model);
  EXPECT_FALSE(generator_->has_chat_template());
  const Outcome outcome = run(*generator_, asked);
  ASSERT_FALSE(outcome.end);
  EXPECT_EQ(outcome.end.error().code, base::ErrorCode::invalid_argument);
}

TEST_F(GeneratorTest, TakesAnyBytes) {
  create();
  std::string all_bytes;
  for (int byte = 0; byte < 256; ++byte) all_bytes += static_cast<char>(byte);
  for (const std::string& text :
       {std::string(), all_bytes.substr(0, 128), all_bytes.substr(220), std::string("\xF0\x9F")}) {
    const Outcome outcome = run(*generator_, babble(text, 10));
    if (!outcome.end)
      EXPECT_EQ(outcome.end.error().code, base::ErrorCode::invalid_argument)
          << outcome.end.error().message;
  }
}

TEST_F(GeneratorTest, KeepsToASchemaWhateverTheModelWants) {
  create();
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Generation asked = babble("choose", 60);
    asked.temperature = 2;
    asked.top_k = 0;
    asked.seed = seed;
    asked.json_schema = R"({"enum":["red","green"]})";
    const Outcome outcome = run(*generator_, asked);
    ASSERT_TRUE(outcome.end) << outcome.end.error().message;
    EXPECT_EQ(outcome.end->reason, Generated::Reason::stop);
    EXPECT_TRUE(outcome.text == "\"red\"" || outcome.text == "\"green\"") << outcome.text;
  }
}

TEST_F(GeneratorTest, EndsWhenTheCallerLeaves) {
  create();
  std::atomic<bool> gone = false;
  const Outcome outcome = start(
                              *generator_, babble("abc", 100'000), [&] { return gone.load(); },
                              [&](const std::string&) { gone = true; })
                              .get();
  ASSERT_FALSE(outcome.end);
  EXPECT_EQ(outcome.end.error().code, base::ErrorCode::cancelled);
  EXPECT_TRUE(run(*generator_, babble("abc")).end);
}

TEST_F(GeneratorTest, EndsEverythingWithCancelledWhenItDies) {
  create({}, 2);
  std::promise<void> running;
  std::vector<std::future<Outcome>> futures;
  futures.push_back(
      start(*generator_, babble("abc", 100'000), {}, [&, told = false](const std::string&) mutable {
        if (!told) running.set_value();
        told = true;
      }));
  for (int i = 0; i < 5; ++i) futures.push_back(start(*generator_, babble("abc", 100'000)));
  running.get_future().wait();
  generator_.reset();
  for (auto& future : futures) {
    const Outcome outcome = future.get();
    if (!outcome.end) EXPECT_EQ(outcome.end.error().code, base::ErrorCode::cancelled);
  }
}

TEST_F(GeneratorTest, SaysWhyAModelCannotBeUsed) {
  const auto missing = Generator::create(*backend, {.model = "/no/such/model.gguf"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, base::ErrorCode::not_found);
  const auto encoder =
      Generator::create(*backend, {.model = test_model("all-minilm-l6-v2-q8_0.gguf")});
  ASSERT_FALSE(encoder);
  EXPECT_EQ(encoder.error().code, base::ErrorCode::invalid_argument);
}

/// With the bundled language model.
class GemmaTest : public BackendFixture {
 protected:
  static void SetUpTestSuite() {
    BackendFixture::SetUpTestSuite();
    auto created = Generator::create(
        *backend,
        {.model = test_model("gemma-3-270m-q8_0.gguf"), .threads = 2, .context_tokens = 2048});
    ASSERT_TRUE(created) << created.error().message;
    gemma = std::move(*created);
  }
  static void TearDownTestSuite() {
    gemma.reset();
    BackendFixture::TearDownTestSuite();
  }
  static inline std::unique_ptr<Generator> gemma;
};

TEST_F(GemmaTest, CountsOnAndStopsAtAStopString) {
  Generation asked = babble("One, two, three,", 30);
  asked.stop = {"seven"};
  const Outcome outcome = run(*gemma, asked);
  ASSERT_TRUE(outcome.end) << outcome.end.error().message;
  EXPECT_EQ(outcome.text, " four, five, six, ");
  EXPECT_EQ(outcome.end->reason, Generated::Reason::stop);
}

TEST_F(GemmaTest, AnswersInJson) {
  Generation asked = babble("Q: Name two cities in Italy as JSON.\nA: ", 60);
  asked.json_schema =
      R"({"type":"object","properties":{"cities":{"type":"array","items":{"type":"string","maxLength":20},)"
      R"("minItems":2,"maxItems":2}},"required":["cities"],"additionalProperties":false})";
  const Outcome outcome = run(*gemma, asked);
  ASSERT_TRUE(outcome.end) << outcome.end.error().message;
  boost::json::error_code error;
  const auto value = boost::json::parse(outcome.text, error);
  ASSERT_FALSE(error) << outcome.text;
  EXPECT_EQ(value.at("cities").as_array().size(), 2U) << outcome.text;
}

TEST_F(GemmaTest, LeavesALongPromptWhenTheCallerLeaves) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += "Line " + std::to_string(i) + " of a long document. ";
  std::atomic<int> asked = 0;
  const Outcome outcome = start(*gemma, babble(text, 5), [&] { return ++asked > 3; }).get();
  ASSERT_FALSE(outcome.end);
  EXPECT_EQ(outcome.end.error().code, base::ErrorCode::cancelled);
  EXPECT_TRUE(outcome.text.empty());
}

}  // namespace
}  // namespace opaline::engine
