#include "engine/bert_conversion.hpp"

#include <gtest/gtest.h>

#include "engine/engine_fixture.hpp"
#include "engine/loaded_model.hpp"
#include "engine/model_description.hpp"
#include "engine/quantisation.hpp"
#include "engine/tiny_bert.hpp"

namespace opaline::engine {
namespace {

class BertConversion : public BackendFixture {
 protected:
  [[nodiscard]] std::filesystem::path gguf() const { return folder_.path() / "out.gguf"; }
  base::Result<void> convert(const TinyBert& model) {
    model.write(folder_.path() / "model");
    return convert_bert(folder_.path() / "model", gguf());
  }

  TemporaryFolder folder_;
};

TEST_F(BertConversion, MakesAModelThatLoads) {
  const auto converted = convert(TinyBert());
  ASSERT_TRUE(converted) << converted.error().message;
  const auto description = inspect_model(gguf());
  ASSERT_TRUE(description) << description.error().message;
  EXPECT_EQ(description->architecture, "bert");
  EXPECT_EQ(description->kind, ModelDescription::Kind::encoder);
  EXPECT_EQ(description->quantisation, "F16");
  EXPECT_EQ(description->context_tokens, 16U);
  EXPECT_EQ(description->dimension, 32U);
  EXPECT_EQ(description->vocabulary, 11U);
  EXPECT_FALSE(description->chat_template);
  const auto loaded = LoadedModel::load(gguf(), ModelDescription::Kind::encoder);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->tokenise("Hello worldly. he [SEP]", LoadedModel::Specials::added),
            (std::vector<Token>{2, 5, 6, 7, 8, 9, 10, 1, 1, 1, 3}));
}

TEST_F(BertConversion, IsQuantisedToQ8) {
  ASSERT_TRUE(convert(TinyBert()));
  const auto target = folder_.path() / "q8_0.gguf";
  const auto quantised = quantise_q8_0(gguf(), target);
  ASSERT_TRUE(quantised) << quantised.error().message;
  EXPECT_EQ(inspect_model(target)->quantisation, "Q8_0");
  EXPECT_TRUE(LoadedModel::load(target, ModelDescription::Kind::encoder));
}

TEST_F(BertConversion, SaysWhichFileIsMissing) {
  for (const auto& [name, bytes] : TinyBert().files()) {
    if (name.starts_with("1_Pooling")) continue;  // Mean pooling is the default.
    const TemporaryFolder folder;
    TinyBert().write(folder.path());
    std::filesystem::remove(folder.path() / name);
    const auto converted = convert_bert(folder.path(), gguf());
    ASSERT_FALSE(converted) << name;
    EXPECT_EQ(converted.error().code, base::ErrorCode::not_found);
    EXPECT_NE(converted.error().message.find(name), std::string::npos) << converted.error().message;
    EXPECT_FALSE(std::filesystem::exists(gguf()));
  }
}

TEST_F(BertConversion, RefusesWrongFiles) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"config.json", "{"},
      {"config.json", R"({"model_type":"gpt2"})"},
      {"config.json", R"({"model_type":"bert"})"},
      {"config.json",
       R"({"model_type":"bert","num_hidden_layers":100000,"hidden_size":32,"intermediate_size":64,)"
       R"("num_attention_heads":2,"max_position_embeddings":16,"type_vocab_size":2,"layer_norm_eps":1e-12})"},
      {"config.json",
       R"({"model_type":"bert","num_hidden_layers":1,"hidden_size":33,"intermediate_size":64,)"
       R"("num_attention_heads":2,"max_position_embeddings":16,"type_vocab_size":2,"layer_norm_eps":1e-12})"},
      {"special_tokens_map.json", "{}"},
      {"special_tokens_map.json", R"({"unk_token":1})"},
      {"vocab.txt", ""},
      {"vocab.txt", "[PAD]\n[UNK]\n"},
      {"1_Pooling/config.json", R"({"pooling_mode_max_tokens":true})"},
      {"model.safetensors", "not tensors"},
      {"model.safetensors", TinyBert().files().at("model.safetensors").substr(0, 5000)},
  };
  for (const auto& [name, bytes] : wrong) {
    const TemporaryFolder folder;
    TinyBert().write(folder.path());
    write_file(folder.path() / name, bytes);
    const auto converted = convert_bert(folder.path(), gguf());
    ASSERT_FALSE(converted) << name << ": " << bytes.substr(0, 60);
    EXPECT_EQ(converted.error().code, base::ErrorCode::invalid_argument)
        << converted.error().message;
  }
}

TEST_F(BertConversion, NamesTheTensorThatIsMissing) {
  TinyBert model;
  model.remove("encoder.layer.0.output.dense.bias");
  const auto converted = convert(model);
  ASSERT_FALSE(converted);
  EXPECT_NE(converted.error().message.find("encoder.layer.0.output.dense.bias"), std::string::npos);
}

TEST_F(BertConversion, SaysThatTheTargetCannotBeWritten) {
  TinyBert().write(folder_.path() / "model");
  const auto converted =
      convert_bert(folder_.path() / "model", folder_.path() / "no" / "such" / "folder.gguf");
  ASSERT_FALSE(converted);
  EXPECT_EQ(converted.error().code, base::ErrorCode::unavailable);
}

}  // namespace
}  // namespace opaline::engine
