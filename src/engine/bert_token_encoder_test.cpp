#include "engine/bert_token_encoder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <numeric>
#include <random>
#include <string>

#include "engine/bert_conversion.hpp"
#include "engine/encoder.hpp"
#include "engine/engine_fixture.hpp"
#include "engine/llama_token_encoder.hpp"
#include "engine/quantisation.hpp"
#include "engine/tiny_bert.hpp"

namespace opaline::engine {
namespace {

using Sequence = std::vector<Token>;

constexpr std::size_t kTokensMax = 1024;

/// Of `model`'s window and vocabulary; begins and ends as a text does.
Sequence random_sequence(std::size_t length, unsigned seed, Token first, Token last) {
  std::mt19937 dice(seed);
  std::uniform_int_distribution<Token> token(first, last);
  Sequence sequence(length);
  for (Token& each : sequence) each = token(dice);
  return sequence;
}

std::vector<float> encode(TokenEncoder& encoder, const std::vector<Sequence>& sequences) {
  const std::vector<TokenSequence> spans(sequences.begin(), sequences.end());
  const auto rows = encoder.encode(spans);
  EXPECT_TRUE(rows);
  return {rows->begin(), rows->end()};
}

/// The mean of a sequence's rows, of unit length.
std::vector<float> pooled(std::span<const float> rows, std::size_t width) {
  std::vector<float> mean(width);
  for (std::size_t i = 0; i < rows.size(); ++i) mean[i % width] += rows[i];
  const float length = std::sqrt(std::inner_product(mean.begin(), mean.end(), mean.begin(), 0.0F));
  for (float& value : mean) value /= length;
  return mean;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0) /
         std::sqrt(std::inner_product(a.begin(), a.end(), a.begin(), 0.0) *
                   std::inner_product(b.begin(), b.end(), b.begin(), 0.0));
}

std::vector<const BertKernels*> levels() {
  std::vector<const BertKernels*> found;
  std::ranges::copy_if(kBertLevels, std::back_inserter(found),
                       [](const BertKernels* level) { return level->supported(); });
  return found;
}

class BertTokenEncoderTest : public BackendFixture {
 protected:
  static std::unique_ptr<TokenEncoder> llama(const LoadedModel& model) {
    auto created =
        create_llama_token_encoder(model, {.window_tokens = 512, .batch_tokens = kTokensMax});
    EXPECT_TRUE(created);
    return std::move(*created);
  }

  /// Every level against llama.cpp: each token's vector and each sequence's.
  static void expect_like_llama(const std::filesystem::path& file,
                                const std::vector<std::vector<Sequence>>& batches,
                                double token_cosine, double sequence_cosine) {
    const auto model = LoadedModel::load(file, ModelDescription::Kind::encoder);
    ASSERT_TRUE(model) << model.error().message;
    const auto reference = llama(**model);
    for (const BertKernels* level : levels()) {
      SCOPED_TRACE(level->level);
      const auto bert = BertModel::find(file, *level);
      ASSERT_NE(bert, nullptr);
      const auto encoder = create_bert_token_encoder(*bert, kTokensMax);
      const std::size_t width = encoder->dimension();
      ASSERT_EQ(width, reference->dimension());
      for (const std::vector<Sequence>& batch : batches) {
        const std::vector<float> ours = encode(*encoder, batch);
        const std::vector<float> theirs = encode(*reference, batch);
        ASSERT_EQ(ours.size(), theirs.size());
        std::size_t at = 0;
        for (const Sequence& sequence : batch) {
          const std::size_t count = sequence.size() * width;
          const auto our_rows = std::span(ours).subspan(at, count);
          const auto their_rows = std::span(theirs).subspan(at, count);
          for (std::size_t row = 0; row < count; row += width) {
            ASSERT_GT(cosine(our_rows.subspan(row, width), their_rows.subspan(row, width)),
                      token_cosine)
                << "token " << row / width << " of " << sequence.size();
          }
          EXPECT_GT(cosine(pooled(our_rows, width), pooled(their_rows, width)), sequence_cosine)
              << sequence.size();
          at += count;
        }
      }
    }
  }

  static std::vector<Sequence> minilm_batch(const std::vector<std::size_t>& lengths) {
    std::vector<Sequence> batch;
    for (const std::size_t length : lengths) {
      Sequence sequence =
          random_sequence(length, static_cast<unsigned>(length + batch.size()), 1000, 30'000);
      sequence.front() = 101;  // [CLS]
      sequence.back() = 102;   // [SEP]
      batch.push_back(std::move(sequence));
    }
    return batch;
  }
};

TEST_F(BertTokenEncoderTest, EqualsLlamaOnEachTokenOfMixedLengths) {
  const std::vector<std::vector<Sequence>> batches = {
      minilm_batch({1}),
      minilm_batch({16}),
      minilm_batch({3, 64, 17, 1, 33, 2, 100}),
      minilm_batch({512}),
      minilm_batch({511, 2, 255, 31, 32, 65}),
      minilm_batch(std::vector<std::size_t>(64, 8)),
  };
  expect_like_llama(test_model("all-minilm-l6-v2-f16.gguf"), batches, 0.998, 0.9997);
  // llama.cpp rounds activations to 8 bits here, and we do not.
  expect_like_llama(test_model("all-minilm-l6-v2-q8_0.gguf"), batches, 0.99, 0.998);
}

TEST_F(BertTokenEncoderTest, AVectorDoesNotDependOnTheCompany) {
  for (const BertKernels* level : levels()) {
    SCOPED_TRACE(level->level);
    const auto bert = BertModel::find(test_model("all-minilm-l6-v2-q8_0.gguf"), *level);
    const auto encoder = create_bert_token_encoder(*bert, kTokensMax);
    const std::vector<Sequence> batch = minilm_batch({3, 64, 17, 1, 33, 2, 100, 256, 511});
    const std::vector<float> together = encode(*encoder, batch);
    std::size_t at = 0;
    for (const Sequence& sequence : batch) {
      const std::vector<float> alone = encode(*encoder, {sequence});
      for (std::size_t i = 0; i < alone.size(); ++i)
        ASSERT_NEAR(alone[i], together[at + i], 1e-5F) << sequence.size();
      at += alone.size();
    }
  }
}

/// A BERT of one layer, whose head is as wide as the kernels need it.
class TinyBertFile {
 public:
  explicit TinyBertFile(const char* heads = "1") {
    TinyBert tiny;
    const std::string two_heads = R"("num_attention_heads":2)";
    tiny.config.replace(tiny.config.find(two_heads) + two_heads.size() - 1, 1, heads);
    tiny.write(folder_.path() / "source");
    EXPECT_TRUE(convert_bert(folder_.path() / "source", path()));
  }
  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "tiny.gguf"; }
  [[nodiscard]] std::filesystem::path beside(const char* name) const {
    return folder_.path() / name;
  }

  /// Another file, with the bytes `from` of this one's head made `to`.
  [[nodiscard]] std::filesystem::path changed(const std::string& from,
                                              const std::string& to) const {
    std::string bytes = read_file(path());
    const std::size_t at = bytes.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    bytes.replace(at, to.size(), to);
    write_file(beside("changed.gguf"), bytes);
    return beside("changed.gguf");
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(BertTokenEncoderTest, EqualsLlamaOnATinyModelOfEachType) {
  const TinyBertFile tiny;
  const std::vector<std::vector<Sequence>> batches = {
      {random_sequence(1, 1, 0, 10)},
      {random_sequence(16, 2, 0, 10), random_sequence(5, 3, 0, 10), random_sequence(2, 4, 0, 10)}};
  expect_like_llama(tiny.path(), batches, 0.9995, 0.9995);
  ASSERT_TRUE(quantise_q8_0(tiny.path(), tiny.beside("q8_0.gguf")));
  expect_like_llama(tiny.beside("q8_0.gguf"), batches, 0.999, 0.999);
}

TEST_F(BertTokenEncoderTest, LeavesWhatIsNoPlainBertToLlama) {
  const BertKernels& kernels = kBertSse2;
  ASSERT_NE(BertModel::find(TinyBertFile().path(), kernels), nullptr);

  const TinyBertFile narrow_heads("2");
  EXPECT_EQ(BertModel::find(narrow_heads.path(), kernels), nullptr);
  const auto encoder = Encoder::create(*backend, {.model = narrow_heads.path(), .threads = 1});
  ASSERT_TRUE(encoder) << encoder.error().message;
  EXPECT_EQ((*encoder)->dimension(), TinyBert::kWidth);

  EXPECT_EQ(BertModel::find(test_model("gemma-3-270m-q8_0.gguf"), kernels), nullptr);
  EXPECT_EQ(BertModel::find("/no/such/model.gguf", kernels), nullptr);
}

TEST_F(BertTokenEncoderTest, ABrokenModelIsAnError) {
  const TinyBertFile tiny;
  const auto number = [](std::uint64_t value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  const auto extents = [&](const std::string& name, std::uint64_t in, std::uint64_t out) {
    return name + std::string("\2\0\0\0", 4) + number(in) + number(out);
  };
  const std::string key = "bert.feed_forward_length" + std::string("\4\0\0\0", 4);
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"blk.0.ffn_up.bias", "blk.0.ffn_uq.bias"},
      {"token_embd_norm.weight", "token_embd_norn.weight"},
      {"position_embd.weight", "position_embe.weight"},
      {extents("blk.0.ffn_up.weight", 32, 64), extents("blk.0.ffn_up.weight", 64, 32)},
      {extents("token_embd.weight", 32, 11), extents("token_embd.weight", 11, 32)},
      {key + number(64).substr(0, 4), key + number(32).substr(0, 4)},
      {key + number(64).substr(0, 4), key + number(1 << 30).substr(0, 4)},
  };
  for (const auto& [from, to] : changes) {
    const auto file = tiny.changed(from, to);
    EXPECT_EQ(BertModel::find(file, kBertSse2), nullptr) << to;
    const auto encoder = Encoder::create(*backend, {.model = file, .threads = 1});
    ASSERT_FALSE(encoder) << to;
    EXPECT_EQ(encoder.error().code, base::ErrorCode::invalid_argument);
    EXPECT_NE(encoder.error().message.find(file.string()), std::string::npos)
        << encoder.error().message;
  }
}

TEST_F(BertTokenEncoderTest, SurvivesARealModelCutAnywhere) {
  const std::string whole = read_file(test_model("all-minilm-l6-v2-q8_0.gguf"));
  const TemporaryFolder folder;
  const auto file = folder.path() / "cut.gguf";
  for (const double part : {0.0001, 0.01, 0.03, 0.5, 0.999999}) {
    write_file(file, std::string_view(whole).substr(
                         0, static_cast<std::size_t>(part * static_cast<double>(whole.size()))));
    EXPECT_EQ(BertModel::find(file, kBertSse2), nullptr) << part;
  }
}

}  // namespace
}  // namespace opaline::engine
