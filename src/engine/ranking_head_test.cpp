#include "engine/ranking_head.hpp"

#include <ggml.h>
#include <gguf.h>
#include <gtest/gtest.h>
#include <llama.h>

#include <cmath>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "engine/bert_conversion.hpp"
#include "engine/encoder.hpp"
#include "engine/engine_fixture.hpp"
#include "engine/loaded_model.hpp"
#include "engine/tiny_bert.hpp"

namespace opaline::engine {
namespace {

using GgufFile = std::unique_ptr<gguf_context, decltype(&gguf_free)>;
using Tensors = std::unique_ptr<ggml_context, decltype(&ggml_free)>;

struct Head {
  bool dense = true;
  std::int64_t scores = 1;
  bool alike_segments =
      false;  ///< As llama.cpp, which knows the first type only, takes all models.
};

void add_tensor(gguf_context* file, ggml_context* memory, const char* name,
                std::vector<std::int64_t> extents) {
  ggml_tensor* tensor =
      ggml_new_tensor(memory, GGML_TYPE_F32, static_cast<int>(extents.size()), extents.data());
  ggml_set_name(tensor, name);
  auto* values = static_cast<float*>(tensor->data);
  for (std::int64_t i = 0; i < ggml_nelements(tensor); ++i)
    values[i] = std::sin(static_cast<float>(i) * 1.7F + static_cast<float>(std::strlen(name))) * 2;
  gguf_add_tensor(file, tensor);
}

/// The tiny BERT with a ranking head of made-up numbers.
class TinyRanker {
 public:
  explicit TinyRanker(const Head& head = {}) {
    TinyBert tiny;
    const std::string heads = R"("num_attention_heads":2)";
    tiny.config.replace(tiny.config.find(heads) + heads.size() - 1, 1, "1");
    tiny.write(folder_.path() / "source");
    const auto encoder = folder_.path() / "encoder.gguf";
    EXPECT_TRUE(convert_bert(folder_.path() / "source", encoder));
    ggml_context* data = nullptr;
    const GgufFile from(gguf_init_from_file(encoder.c_str(), {.no_alloc = false, .ctx = &data}),
                        gguf_free);
    const Tensors theirs(data, ggml_free);
    const Tensors ours(ggml_init({.mem_size = 1 << 20, .mem_buffer = nullptr, .no_alloc = false}),
                       ggml_free);
    const GgufFile file(gguf_init_empty(), gguf_free);
    gguf_set_kv(file.get(), from.get());
    gguf_set_val_u32(file.get(), "bert.pooling_type", LLAMA_POOLING_TYPE_RANK);
    for (std::int64_t i = 0; i < gguf_get_n_tensors(from.get()); ++i) {
      ggml_tensor* tensor = ggml_get_tensor(data, gguf_get_tensor_name(from.get(), i));
      if (head.alike_segments && std::string_view(tensor->name) == "token_types.weight") {
        auto* rows = static_cast<std::byte*>(tensor->data);
        std::memcpy(rows + tensor->nb[1], rows, tensor->nb[1]);
      }
      gguf_add_tensor(file.get(), tensor);
    }
    constexpr std::int64_t kWidth = TinyBert::kWidth;
    if (head.dense) {
      add_tensor(file.get(), ours.get(), "cls.weight", {kWidth, kWidth});
      add_tensor(file.get(), ours.get(), "cls.bias", {kWidth});
    }
    add_tensor(file.get(), ours.get(), "cls.output.weight", {kWidth, head.scores});
    add_tensor(file.get(), ours.get(), "cls.output.bias", {head.scores});
    EXPECT_TRUE(gguf_write_to_file(file.get(), path().c_str(), false));
  }
  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "ranker.gguf"; }

 private:
  TemporaryFolder folder_;
};

float logit(float probability) { return std::log(probability / (1 - probability)); }

class Ranking : public BackendFixture {
 protected:
  static base::Result<std::vector<Encoded>> run(Encoder& encoder, EncodeJob job) {
    std::promise<base::Result<std::vector<Encoded>>> answer;
    encoder.submit(std::move(job), [&](auto encoded) { answer.set_value(std::move(encoded)); });
    return answer.get_future().get();
  }

  static std::vector<float> scores(const TinyRanker& ranker, std::vector<std::string> passages) {
    const auto encoder = Encoder::create(*backend, {.model = ranker.path(), .threads = 1});
    EXPECT_TRUE(encoder) << encoder.error().message;
    EXPECT_TRUE((*encoder)->ranks());
    const auto encoded = run(**encoder, {.texts = std::move(passages),
                                         .output = EncodeJob::Output::score,
                                         .question = "hello world"});
    EXPECT_TRUE(encoded) << encoded.error().message;
    std::vector<float> found;
    for (const Encoded& one : *encoded) found.push_back(one.values.at(0));
    return found;
  }

  /// llama.cpp's own score of a pair, not yet a probability.
  static float reference(const TinyRanker& ranker, std::vector<Token> pair) {
    const auto model = LoadedModel::load(ranker.path(), ModelDescription::Kind::encoder);
    EXPECT_TRUE(model) << model.error().message;
    llama_context_params settings = llama_context_default_params();
    settings.embeddings = true;
    settings.pooling_type = LLAMA_POOLING_TYPE_RANK;
    const std::unique_ptr<llama_context, decltype(&llama_free)> context(
        llama_init_from_model((*model)->model(), settings), llama_free);
    EXPECT_EQ(llama_encode(context.get(), llama_batch_get_one(
                                              pair.data(), static_cast<std::int32_t>(pair.size()))),
              0);
    return llama_get_embeddings_seq(context.get(), 0)[0];
  }
};

// Tokens of TinyBert: 2 [CLS], 3 [SEP], 5 hello, 6 world, 8 ".".

TEST_F(Ranking, ScoresAsLlamaWhereSegmentsAreAlike) {
  for (const bool dense : {true, false}) {
    const TinyRanker ranker({.dense = dense, .alike_segments = true});
    const std::vector<float> found = scores(ranker, {"hello", "world ."});
    const float hello = logit(found[0]);
    const float world = logit(found[1]);
    EXPECT_NEAR(hello, reference(ranker, {2, 5, 6, 3, 5, 3}), 0.01F) << dense;
    EXPECT_NEAR(world, reference(ranker, {2, 5, 6, 3, 6, 8, 3}), 0.01F) << dense;
    EXPECT_GT(std::abs(hello - world), 0.02F) << "too alike to tell";
  }
}

TEST_F(Ranking, TellsThePassageFromTheQuestion) {
  const float alike = scores(TinyRanker({.alike_segments = true}), {"hello"})[0];
  const float apart = scores(TinyRanker(), {"hello"})[0];
  EXPECT_GT(std::abs(logit(alike) - logit(apart)), 0.02F);
}

TEST_F(Ranking, CutsWhatIsLongerThanTheWindow) {
  const TinyRanker ranker;
  std::string longer = "world";
  for (int i = 0; i < 100; ++i) longer += " world";
  EXPECT_NEAR(scores(ranker, {longer})[0], scores(ranker, {longer + " hello"})[0], 1e-6F);
}

TEST_F(Ranking, AModelIsOfOneKind) {
  const TinyRanker tiny;
  const auto ranker = Encoder::create(*backend, {.model = tiny.path(), .threads = 1});
  ASSERT_TRUE(ranker);
  EXPECT_EQ(run(**ranker, {.texts = {"a"}}).error().code, base::ErrorCode::invalid_argument);
  const auto encoder =
      Encoder::create(*backend, {.model = test_model("all-minilm-l6-v2-q8_0.gguf"), .threads = 1});
  ASSERT_TRUE(encoder);
  EXPECT_FALSE((*encoder)->ranks());
  EXPECT_EQ(run(**encoder, {.texts = {"a"}, .output = EncodeJob::Output::score}).error().code,
            base::ErrorCode::invalid_argument);
}

TEST_F(Ranking, RefusesAHeadThatGivesSeveralScores) {
  const TinyRanker ranker({.scores = 3});
  const auto encoder = Encoder::create(*backend, {.model = ranker.path(), .threads = 1});
  ASSERT_FALSE(encoder);
  EXPECT_EQ(encoder.error().code, base::ErrorCode::invalid_argument);
  EXPECT_NE(encoder.error().message.find("cls.output.weight"), std::string::npos)
      << encoder.error().message;
}

}  // namespace
}  // namespace opaline::engine
