#include "engine/encoder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <future>
#include <map>
#include <numeric>

#include "base/limits.hpp"
#include "engine/engine_fixture.hpp"
#include "engine/loaded_model.hpp"

namespace opaline::engine {
namespace {

using Result = base::Result<std::vector<Encoded>>;
using Priority = EncodeJob::Priority;

struct Golden {
  std::string text;
  std::vector<Token> ids;
  std::vector<float> vector;
};

/// Texts with their tokens and vectors as NumPy computes them;
/// tests/acceptance/reference_embedding.py writes the file.
std::vector<Golden> golden_rows() {
  namespace json = boost::json;
  std::vector<Golden> rows;
  const json::value file =
      json::parse(read_file(std::filesystem::path(OPALINE_ENGINE_SOURCES) / "minilm_golden.json"));
  for (const json::value& row : file.as_array()) {
    Golden golden{.text = std::string(row.at("text").as_string()), .ids = {}, .vector = {}};
    for (const json::value& id : row.at("ids").as_array())
      golden.ids.push_back(static_cast<Token>(id.as_int64()));
    for (const json::value& value : row.at("vector").as_array())
      golden.vector.push_back(value.to_number<float>());
    rows.push_back(std::move(golden));
  }
  return rows;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0) /
         std::sqrt(std::inner_product(a.begin(), a.end(), a.begin(), 0.0) *
                   std::inner_product(b.begin(), b.end(), b.begin(), 0.0));
}

std::future<Result> submit(Encoder& encoder, EncodeJob job) {
  auto promise = std::make_shared<std::promise<Result>>();
  auto future = promise->get_future();
  encoder.submit(std::move(job),
                 [promise](Result result) { promise->set_value(std::move(result)); });
  return future;
}

EncodeJob job_of(std::vector<std::string> texts, Priority priority = Priority::query) {
  EncodeJob job;
  job.texts = std::move(texts);
  job.priority = priority;
  return job;
}

class EncoderTest : public BackendFixture {
 protected:
  static std::unique_ptr<Encoder> create(const std::string& file, std::size_t queue_texts = 1000) {
    auto created = Encoder::create(
        *backend, {.model = test_model(file), .threads = 2, .queue_texts = queue_texts});
    EXPECT_TRUE(created) << created.error().message;
    return created ? std::move(*created) : nullptr;
  }

  /// The lowest cosine of all golden texts to the reference.
  static double worst_cosine(Encoder& encoder) {
    const auto rows = golden_rows();
    std::vector<std::string> texts;
    for (const Golden& row : rows) texts.push_back(row.text);
    double worst = 1;
    for (const auto priority : {Priority::query, Priority::bulk}) {
      const Result result = submit(encoder, job_of(texts, priority)).get();
      EXPECT_TRUE(result);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const double similarity = cosine((*result)[i].values, rows[i].vector);
        EXPECT_GT(similarity, 0.99) << rows[i].text.substr(0, 60);
        worst = std::min(worst, similarity);
      }
    }
    return worst;
  }
};

TEST_F(EncoderTest, TokenisesLikeTheReference) {
  const auto encoder = create("all-minilm-l6-v2-q8_0.gguf");
  const auto model =
      LoadedModel::load(test_model("all-minilm-l6-v2-q8_0.gguf"), ModelDescription::Kind::encoder);
  ASSERT_TRUE(model);
  for (const Golden& row : golden_rows()) {
    if (row.ids.size() >= 512 || row.text.starts_with("xxx"))
      continue;  // The encoder cuts and shortens; see below.
    EXPECT_EQ((*model)->tokenise(row.text, LoadedModel::Specials::added), row.ids) << row.text;
    EXPECT_EQ(encoder->count_tokens(row.text), row.ids.size()) << row.text;
  }
}

TEST_F(EncoderTest, F16EqualsTheReference) {
  const auto encoder = create("all-minilm-l6-v2-f16.gguf");
  const double worst = worst_cosine(*encoder);
  RecordProperty("worst_cosine", std::to_string(worst));
  EXPECT_GT(worst, 0.9999);
}

TEST_F(EncoderTest, Q8IsCloseToTheReference) {
  const auto encoder = create("all-minilm-l6-v2-q8_0.gguf");
  const double worst = worst_cosine(*encoder);
  RecordProperty("worst_cosine", std::to_string(worst));
  EXPECT_GT(worst, 0.999);
}

TEST_F(EncoderTest, GivesUnitVectors) {
  const auto encoder = create("all-minilm-l6-v2-q8_0.gguf");
  EXPECT_EQ(encoder->dimension(), 384U);
  EXPECT_EQ(encoder->window_tokens(), 512U);
  EXPECT_EQ(encoder->model_name(), "all-minilm-l6-v2-q8_0");
  const Result result = submit(*encoder, job_of({"one text", ""})).get();
  ASSERT_TRUE(result);
  ASSERT_EQ(result->size(), 2U);
  for (const Encoded& encoded : *result) {
    EXPECT_EQ(encoded.rows, 1U);
    ASSERT_EQ(encoded.values.size(), 384U);
    EXPECT_NEAR(std::inner_product(encoded.values.begin(), encoded.values.end(),
                                   encoded.values.begin(), 0.0),
                1.0, 1e-5);
  }
  EXPECT_EQ((*result)[0].tokens, 4U);
  EXPECT_EQ((*result)[1].tokens, 2U);
  EXPECT_FALSE((*result)[0].cut);
}

TEST_F(EncoderTest, GivesOneVectorATokenForReranking) {
  const auto encoder = create("all-minilm-l6-v2-f16.gguf");
  EncodeJob job = job_of({"three short words", "x"});
  job.output = EncodeJob::Output::tokens;
  const Result tokens = submit(*encoder, std::move(job)).get();
  const Result pooled = submit(*encoder, job_of({"three short words"})).get();
  ASSERT_TRUE(tokens);
  ASSERT_TRUE(pooled);
  const Encoded& first = (*tokens)[0];
  EXPECT_EQ(first.rows, 5U);
  ASSERT_EQ(first.values.size(), 5U * 384);
  std::vector<float> sum(384);
  for (std::size_t row = 0; row < first.rows; ++row) {
    const auto vector = std::span(first.values).subspan(row * 384, 384);
    EXPECT_NEAR(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0), 1.0, 1e-5);
    for (std::size_t i = 0; i < 384; ++i) sum[i] += vector[i];
  }
  EXPECT_GT(cosine(sum, (*pooled)[0].values), 0.99);
}

TEST_F(EncoderTest, AnswerDoesNotDependOnTheCompany) {
  const auto encoder = create("all-minilm-l6-v2-f16.gguf");
  const std::string text = "The same text, alone and in company.";
  const Result alone = submit(*encoder, job_of({text})).get();
  std::vector<std::string> company;
  for (int i = 0; i < 30; ++i)
    company.push_back("Another text, number " + std::to_string(i) +
                      std::string(static_cast<std::size_t>(i) * 7, '!'));
  company.push_back(text);
  const Result together = submit(*encoder, job_of(company, Priority::bulk)).get();
  ASSERT_TRUE(alone);
  ASSERT_TRUE(together);
  EXPECT_GT(cosine(alone->front().values, together->back().values), 0.99999);
}

TEST_F(EncoderTest, CutsLongTextsAtTheWindow) {
  const auto encoder = create("all-minilm-l6-v2-f16.gguf");
  std::string text;
  for (int i = 0; i < 600; ++i) text += "word ";
  const std::string shorter(text.begin(), text.begin() + 510 * 5);
  const Result result = submit(*encoder, job_of({text, shorter})).get();
  ASSERT_TRUE(result);
  EXPECT_TRUE((*result)[0].cut);
  EXPECT_EQ((*result)[0].tokens, 602U);
  EXPECT_FALSE((*result)[1].cut);
  EXPECT_EQ((*result)[1].tokens, 512U);
  EXPECT_GT(cosine((*result)[0].values, (*result)[1].values), 0.99999);  // [SEP] is kept.
}

TEST_F(EncoderTest, TakesAnyBytes) {
  const auto encoder = create("all-minilm-l6-v2-q8_0.gguf");
  std::string megabyte;
  for (int i = 0; megabyte.size() < 1'000'000; ++i) megabyte += "token " + std::to_string(i) + " ";
  std::string all_bytes;
  for (int byte = 0; byte < 256; ++byte) all_bytes += static_cast<char>(byte);
  const Result result =
      submit(*encoder, job_of({megabyte, std::string(1'000'000, 'a'), std::string(1'000'000, '\0'),
                               all_bytes, "\xFF\xFE", "[CLS] [SEP] [PAD] [MASK]",
                               std::string(20'000, '\n'), "\U000E0001\u200B\u2028\uFEFF"}))
          .get();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE((*result)[0].cut);
  for (const Encoded& encoded : *result) {
    for (const float value : encoded.values) ASSERT_TRUE(std::isfinite(value));
  }
}

TEST_F(EncoderTest, AnswersManyCallersAtOnce) {
  const auto encoder = create("all-minilm-l6-v2-q8_0.gguf", 100'000);
  std::vector<std::future<Result>> futures;
  for (int i = 0; i < 40; ++i) {
    std::vector<std::string> texts;
    for (int j = 0; j <= i % 7; ++j)
      texts.push_back("caller " + std::to_string(i) + " text " + std::to_string(j));
    futures.push_back(
        submit(*encoder, job_of(std::move(texts), i % 2 == 0 ? Priority::query : Priority::bulk)));
  }
  for (int i = 0; i < 40; ++i) {
    const Result result = futures[static_cast<std::size_t>(i)].get();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->size(), static_cast<std::size_t>(i % 7 + 1));
  }
  EXPECT_EQ(encoder->queued_texts(), 0U);
}

TEST_F(EncoderTest, RefusesNoTextAndAFullQueue) {
  const auto encoder = create("all-minilm-l6-v2-q8_0.gguf", 10);
  EXPECT_EQ(submit(*encoder, job_of({})).get().error().code, base::ErrorCode::invalid_argument);
  EXPECT_EQ(submit(*encoder, job_of(std::vector<std::string>(11, "x"))).get().error().code,
            base::ErrorCode::resource_exhausted);
}

TEST_F(EncoderTest, DropsJobsWhoseCallerLeft) {
  const auto encoder = create("all-minilm-l6-v2-q8_0.gguf", 100'000);
  EncodeJob job = job_of(std::vector<std::string>(5000, "a text that nobody waits for any more"),
                         Priority::bulk);
  job.abandoned = [asked = std::make_shared<std::atomic<int>>(0)] { return ++*asked > 3; };
  const Result result = submit(*encoder, std::move(job)).get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, base::ErrorCode::cancelled);
  EXPECT_EQ(encoder->queued_texts(), 0U);
}

TEST_F(EncoderTest, EndsRunningJobsWhenItDies) {
  auto encoder = create("all-minilm-l6-v2-q8_0.gguf", 100'000);
  auto future = submit(
      *encoder,
      job_of(std::vector<std::string>(5000, "a text that will not be reached"), Priority::bulk));
  encoder.reset();
  const Result result = future.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, base::ErrorCode::cancelled);
}

TEST_F(EncoderTest, SaysWhyAModelCannotBeUsed) {
  const auto missing = Encoder::create(*backend, {.model = "/no/such/model.gguf"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, base::ErrorCode::not_found);
  const auto generator = Encoder::create(*backend, {.model = test_model("gemma-3-270m-q8_0.gguf")});
  ASSERT_FALSE(generator);
  EXPECT_EQ(generator.error().code, base::ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace opaline::engine
