#include "engine/model_description.hpp"

#include <gtest/gtest.h>

#include "engine/engine_fixture.hpp"

namespace opaline::engine {
namespace {

TEST(ModelDescription, DescribesTheBundledModels) {
  const auto encoder = inspect_model(test_model("all-minilm-l6-v2-q8_0.gguf"));
  ASSERT_TRUE(encoder) << encoder.error().message;
  EXPECT_EQ(encoder->kind, ModelDescription::Kind::encoder);
  EXPECT_EQ(encoder->architecture, "bert");
  EXPECT_EQ(encoder->quantisation, "Q8_0");
  EXPECT_EQ(encoder->dimension, 384U);
  EXPECT_EQ(encoder->context_tokens, 512U);
  EXPECT_EQ(encoder->layers, 6U);
  EXPECT_EQ(encoder->vocabulary, 30'522U);
  EXPECT_EQ(encoder->parameters, 22'565'376U);

  const auto generator = inspect_model(test_model("gemma-3-270m-q8_0.gguf"));
  ASSERT_TRUE(generator) << generator.error().message;
  EXPECT_EQ(generator->kind, ModelDescription::Kind::generator);
  EXPECT_EQ(generator->architecture, "gemma3");
  EXPECT_EQ(generator->dimension, 640U);
  EXPECT_FALSE(generator->chat_template);
}

TEST(ModelDescription, SaysWhatIsWrongWithAFile) {
  const TemporaryFolder folder;
  const auto missing = inspect_model(folder.path() / "missing.gguf");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, base::ErrorCode::not_found);
  const auto a_folder = inspect_model(folder.path());
  ASSERT_FALSE(a_folder);
  EXPECT_EQ(a_folder.error().code, base::ErrorCode::not_found);

  for (const std::string& bytes : {std::string(), std::string("hello"),
                                   std::string(100'000, '\xA5'), small_gguf().substr(0, 200)}) {
    const auto file = folder.path() / "wrong.gguf";
    write_file(file, bytes);
    const auto wrong = inspect_model(file);
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, base::ErrorCode::invalid_argument);
    EXPECT_NE(wrong.error().message.find("wrong.gguf"), std::string::npos) << wrong.error().message;
  }
}

}  // namespace
}  // namespace opaline::engine
