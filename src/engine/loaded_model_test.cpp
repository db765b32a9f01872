#include "engine/loaded_model.hpp"

#include <gtest/gtest.h>

#include "engine/engine_fixture.hpp"

namespace opaline::engine {
namespace {

using Kind = ModelDescription::Kind;

class LoadedModelTest : public BackendFixture {};

TEST_F(LoadedModelTest, RefusesAModelForTheWrongRole) {
  const auto as_encoder = LoadedModel::load(test_model("gemma-3-270m-q8_0.gguf"), Kind::encoder);
  ASSERT_FALSE(as_encoder);
  EXPECT_EQ(as_encoder.error().code, base::ErrorCode::invalid_argument);
  EXPECT_NE(as_encoder.error().message.find("gemma3"), std::string::npos);
  const auto as_generator =
      LoadedModel::load(test_model("all-minilm-l6-v2-q8_0.gguf"), Kind::generator);
  ASSERT_FALSE(as_generator);
  EXPECT_EQ(as_generator.error().code, base::ErrorCode::invalid_argument);
}

TEST_F(LoadedModelTest, RefusesWhatLlamaCannotLoad) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "small.gguf";
  GgufBytes bytes;  // Sound, and not a model that llama.cpp knows.
  bytes.head(1, 6)
      .text_value("general.architecture", "unheard-of")
      .number_value("unheard-of.block_count", 1)
      .number_value("unheard-of.embedding_length", 8)
      .number_value("unheard-of.context_length", 16)
      .number_value("unheard-of.pooling_type", 1)
      .text("tokenizer.ggml.tokens")
      .number<std::uint32_t>(9)
      .number<std::uint32_t>(8)
      .number<std::uint64_t>(1)
      .text("a")
      .tensor("t", 8, 0)
      .pad()
      .raw(std::string(32, 'x'));
  write_file(file, bytes.bytes());
  const auto loaded = LoadedModel::load(file, Kind::encoder);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, base::ErrorCode::invalid_argument);
  EXPECT_NE(loaded.error().message.find("unheard-of"), std::string::npos) << loaded.error().message;
}

TEST_F(LoadedModelTest, SurvivesARealModelCutAnywhere) {
  const std::string whole = read_file(test_model("all-minilm-l6-v2-q8_0.gguf"));
  const TemporaryFolder folder;
  const auto file = folder.path() / "cut.gguf";
  for (const double part : {0.0001, 0.001, 0.01, 0.03, 0.2, 0.5, 0.9, 0.999999}) {
    write_file(file, std::string_view(whole).substr(
                         0, static_cast<std::size_t>(part * static_cast<double>(whole.size()))));
    const auto loaded = LoadedModel::load(file, Kind::encoder);
    ASSERT_FALSE(loaded) << part;
    EXPECT_EQ(loaded.error().code, base::ErrorCode::invalid_argument);
  }
}

TEST_F(LoadedModelTest, TakesSpecialTokensInTextAsText) {
  const auto model = LoadedModel::load(test_model("gemma-3-270m-q8_0.gguf"), Kind::generator);
  ASSERT_TRUE(model) << model.error().message;
  using Specials = LoadedModel::Specials;
  const auto as_token = (*model)->tokenise("<eos>", Specials::none, LoadedModel::Spelling::token);
  const auto as_text = (*model)->tokenise("<eos>", Specials::none);
  EXPECT_EQ(as_token.size(), 1U);
  EXPECT_GT(as_text.size(), 1U);
  EXPECT_EQ((*model)->tokenise("a", Specials::added).size(), 2U);
  EXPECT_TRUE((*model)->tokenise("", Specials::none).empty());
  EXPECT_FALSE((*model)->tokenise(std::string("\xFF\0\xC3", 3), Specials::none).empty());
}

}  // namespace
}  // namespace opaline::engine
