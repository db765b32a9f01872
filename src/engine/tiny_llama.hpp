#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine_fixture.hpp"

namespace opaline::engine {

/// A language model of one layer and 32 dimensions with made-up numbers: it babbles bytes, quickly,
/// and never ends by itself. Its tokens: <unk>, <s>, </s>, <|user|>, <|assistant|>, <|end|>, the
/// 256 bytes, then some words.
class TinyLlama {
 public:
  static constexpr std::uint32_t kContext = 256;
  static constexpr std::int32_t kBegin = 1;
  static constexpr std::int32_t kUser = 3;
  static constexpr std::int32_t kAssistant = 4;
  static constexpr std::int32_t kEnd = 5;

  /// The token of one of the words.
  [[nodiscard]] static std::int32_t token(std::string_view word) {
    return static_cast<std::int32_t>(6 + 256 + (std::ranges::find(kWords, word) - kWords.begin()));
  }

  std::string chat_template =
      "{{ bos_token }}{% for message in messages %}"
      "{% if message.role not in ['user', 'assistant'] %}{{ raise_exception('unknown role ' + "
      "message.role) }}{% endif %}"
      "<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
      "{% if add_generation_prompt %}<|assistant|>{% endif %}";

  [[nodiscard]] std::string bytes() {
    tokens_ = {"<unk>", "<s>", "</s>", "<|user|>", "<|assistant|>", "<|end|>"};
    for (int byte = 0; byte < 256; ++byte) {
      char name[8];
      std::snprintf(name, sizeof(name), "<0x%02X>", byte);
      tokens_.emplace_back(name);
    }
    for (const std::string_view word : kWords) tokens_.emplace_back(word);
    const std::uint64_t words = tokens_.size();

    GgufBytes list;
    std::uint64_t offset = 0;
    std::uint64_t count = 0;
    std::vector<std::uint64_t> sizes;
    const auto tensor = [&](const std::string& name, std::uint64_t in, std::uint64_t out) {
      list.text(name).number<std::uint32_t>(out == 0 ? 1 : 2).number(in);
      if (out != 0) list.number(out);
      list.number<std::uint32_t>(0).number(offset);
      sizes.push_back(in * (out == 0 ? 1 : out));
      offset += (sizes.back() * 4 + 31) / 32 * 32;
      ++count;
    };
    tensor("token_embd.weight", kWidth, words);
    tensor("output_norm.weight", kWidth, 0);
    tensor("output.weight", kWidth, words);
    const std::string layer = "blk.0.";
    tensor(layer + "attn_norm.weight", kWidth, 0);
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"})
      tensor(layer + name + ".weight", kWidth, kWidth);
    tensor(layer + "ffn_norm.weight", kWidth, 0);
    tensor(layer + "ffn_gate.weight", kWidth, kInner);
    tensor(layer + "ffn_up.weight", kWidth, kInner);
    tensor(layer + "ffn_down.weight", kInner, kWidth);

    GgufBytes file;
    write_settings(file, count);
    file.raw(list.bytes()).pad();
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      for (std::uint64_t value = 0; value < sizes[i]; ++value) {
        // Of the output (the third tensor) the special tokens are left out: their logit is 0,
        // others' are larger.
        file.number(i == 2 && value < 6 * kWidth ? 0.0F : next_number());
      }
      file.pad();
    }
    return file.bytes();
  }

 private:
  static constexpr std::array<std::string_view, 11> kWords = {
      "\u2581", "a", "b", "red", "green", "\"", "{", "}", ":", "1", "2"};
  static constexpr std::uint64_t kWidth = 32;
  static constexpr std::uint64_t kInner = 64;

  void write_settings(GgufBytes& file, std::uint64_t tensors) const {
    file.head(tensors, 14 + (chat_template.empty() ? 0 : 1))
        .text_value("general.architecture", "llama")
        .number_value("llama.context_length", kContext)
        .number_value("llama.embedding_length", kWidth)
        .number_value("llama.block_count", 1)
        .number_value("llama.feed_forward_length", kInner)
        .number_value("llama.attention.head_count", 2)
        .text("llama.attention.layer_norm_rms_epsilon")
        .number<std::uint32_t>(6)
        .number(1e-5F)
        .text_value("tokenizer.ggml.model", "llama")
        .number_value("tokenizer.ggml.bos_token_id", 1)
        .number_value("tokenizer.ggml.eos_token_id", 2)
        .number_value("tokenizer.ggml.unknown_token_id", 0);
    if (!chat_template.empty()) file.text_value("tokenizer.chat_template", chat_template);
    file.text("tokenizer.ggml.tokens")
        .number<std::uint32_t>(9)
        .number<std::uint32_t>(8)
        .number<std::uint64_t>(tokens_.size());
    for (const std::string& token : tokens_) file.text(token);
    file.text("tokenizer.ggml.scores")
        .number<std::uint32_t>(9)
        .number<std::uint32_t>(6)
        .number<std::uint64_t>(tokens_.size());
    for (std::size_t i = 0; i < tokens_.size(); ++i) file.number(-static_cast<float>(i));
    file.text("tokenizer.ggml.token_type")
        .number<std::uint32_t>(9)
        .number<std::uint32_t>(5)
        .number<std::uint64_t>(tokens_.size());
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      file.number<std::int32_t>(i == 0        ? 2
                                : i < 6       ? 3
                                : i < 6 + 256 ? 6
                                              : 1);  // Unknown, control, byte, normal.
    }
  }

  float next_number() {
    state_ = state_ * 1664525 + 1013904223;  // Numerical Recipes' generator.
    return static_cast<float>(state_ >> 8) / (1 << 24) - 0.5F;
  }

  std::uint32_t state_ = 7;
  std::vector<std::string> tokens_;
};

}  // namespace opaline::engine
