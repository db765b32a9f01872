#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine_fixture.hpp"

namespace opaline::engine {

/// The files of a BERT encoder of one layer and 32 dimensions, as sentence-transformers lays them
/// out; its numbers are small and made up.
class TinyBert {
 public:
  static constexpr std::uint64_t kWidth = 32;
  static constexpr std::uint64_t kInner = 64;

  TinyBert() {
    vocabulary = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello",
                  "world", "##ly",  ".",     "h",     "##e"};
    add("embeddings.word_embeddings.weight", {vocabulary.size(), kWidth});
    add("embeddings.position_embeddings.weight", {16, kWidth});
    add("embeddings.token_type_embeddings.weight", {2, kWidth});
    add_norm("embeddings.LayerNorm");
    const std::string layer = "encoder.layer.0.";
    for (const char* name : {"attention.self.query", "attention.self.key", "attention.self.value",
                             "attention.output.dense"}) {
      add_linear(layer + name, kWidth, kWidth);
    }
    add_norm(layer + "attention.output.LayerNorm");
    add_linear(layer + "intermediate.dense", kInner, kWidth);
    add_linear(layer + "output.dense", kWidth, kInner);
    add_norm(layer + "output.LayerNorm");
  }

  /// By path in the model's folder.
  [[nodiscard]] std::map<std::string, std::string> files() const {
    std::string words;
    for (const std::string& word : vocabulary) words += word + "\n";
    return {
        {"config.json", config},
        {"special_tokens_map.json",
         R"({"unk_token":"[UNK]","sep_token":"[SEP]","pad_token":{"content":"[PAD]"},"cls_token":"[CLS]","mask_token":"[MASK]"})"},
        {"vocab.txt", words},
        {"1_Pooling/config.json", R"({"pooling_mode_mean_tokens":true})"},
        {"model.safetensors", safetensors()}};
  }

  void write(const std::filesystem::path& folder) const {
    for (const auto& [name, bytes] : files()) write_file(folder / name, bytes);
  }

  void remove(const std::string& tensor) { tensors_.erase(tensor); }

  std::vector<std::string> vocabulary;
  std::string config =
      R"({"model_type":"bert","num_hidden_layers":1,"hidden_size":32,"intermediate_size":64,"num_attention_heads":2,)"
      R"("max_position_embeddings":16,"type_vocab_size":2,"layer_norm_eps":1e-12})";

 private:
  void add(const std::string& name, std::vector<std::uint64_t> shape, float centre = 0) {
    std::uint64_t count = 1;
    for (const std::uint64_t extent : shape) count *= extent;
    std::vector<float> values(count);
    for (float& value : values) {
      state_ = state_ * 1664525 + 1013904223;  // Numerical Recipes' generator.
      value = centre + (static_cast<float>(state_ >> 8) / (1 << 24) - 0.5F) * 0.4F;
    }
    tensors_[name] = {std::move(shape), std::string(reinterpret_cast<const char*>(values.data()),
                                                    count * sizeof(float))};
  }
  void add_linear(const std::string& name, std::uint64_t out, std::uint64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }
  void add_norm(const std::string& name) {
    add(name + ".weight", {kWidth}, 1);
    add(name + ".bias", {kWidth});
  }

  [[nodiscard]] std::string safetensors() const {
    std::string header = "{";
    std::string area;
    for (const auto& [name, tensor] : tensors_) {
      header += (header.size() > 1 ? ",\"" : "\"") + name + R"(":{"dtype":"F32","shape":[)";
      for (std::size_t i = 0; i < tensor.first.size(); ++i)
        header += (i == 0 ? "" : ",") + std::to_string(tensor.first[i]);
      header += "],\"data_offsets\":[" + std::to_string(area.size()) + ",";
      area += tensor.second;
      header += std::to_string(area.size()) + "]}";
    }
    return GgufBytes().text(header + "}").raw(area).bytes();
  }

  std::uint32_t state_ = 1;
  std::map<std::string, std::pair<std::vector<std::uint64_t>, std::string>> tensors_;
};

}  // namespace opaline::engine
