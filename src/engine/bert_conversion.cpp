#include "engine/bert_conversion.hpp"

#include <ggml.h>
#include <gguf.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/mapped_file.hpp"
#include "engine/safetensors.hpp"

namespace opaline::engine {
namespace {

namespace json = boost::json;
using Path = std::filesystem::path;

std::unexpected<base::Error> wrong(std::string what) {
  return base::fail(base::ErrorCode::invalid_argument, std::move(what));
}

struct Deleter {
  void operator()(gguf_context* file) const { gguf_free(file); }
  void operator()(ggml_context* context) const { ggml_free(context); }
};

base::Result<std::string> read_text(const Path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return base::fail(base::ErrorCode::not_found, "cannot open " + file.string());
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) return base::fail(base::ErrorCode::unavailable, "cannot read " + file.string());
  return text;
}

base::Result<json::object> read_object(const Path& file) {
  OPALINE_TRY(const std::string text, read_text(file));
  json::error_code error;
  json::value value = json::parse(text, error);
  if (error || !value.is_object()) return wrong(file.string() + " is not a JSON object");
  return std::move(value.get_object());
}

struct Config {
  std::uint32_t layers = 0;
  std::uint32_t width = 0;
  std::uint32_t feed_forward = 0;
  std::uint32_t heads = 0;
  std::uint32_t positions = 0;
  std::uint32_t token_types = 0;
  float norm_epsilon = 0;
  std::uint32_t pooling = 1;  // 1 mean, 2 first token: llama_pooling_type.
  std::vector<std::string> tokens;
  std::vector<std::int32_t> token_kinds;             // 1 normal, 3 control: llama_token_type.
  std::map<std::string, std::uint32_t> special_ids;  // "cls_token" → 101 …
};

constexpr std::int64_t kLayersMax = 512;
constexpr std::int64_t kExtentMax = 1 << 20;

base::Result<std::uint32_t> positive(const json::object& config, std::string_view key,
                                     std::int64_t max = kExtentMax) {
  const json::value* value = config.if_contains(key);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 1 ||
      value->get_int64() > max) {
    return wrong("config.json: '" + std::string(key) + "' is missing or out of range");
  }
  return static_cast<std::uint32_t>(value->get_int64());
}

/// One token a line; WordPiece's "##ing" becomes "ing", and a word's first piece "ing" becomes
/// "▁ing" (a phantom space), which is how llama.cpp tells the two apart. Special tokens stay as
/// they are.
base::Result<void> read_vocabulary(const Path& folder, Config& config) {
  OPALINE_TRY(const std::string text, read_text(folder / "vocab.txt"));
  OPALINE_TRY(const json::object special, read_object(folder / "special_tokens_map.json"));
  std::map<std::string, std::uint32_t, std::less<>> ids;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string token = text.substr(begin, end - begin);
    if (token.ends_with('\r')) token.pop_back();
    ids.emplace(token, static_cast<std::uint32_t>(config.tokens.size()));
    config.tokens.push_back(std::move(token));
    begin = end + 1;
  }
  config.token_kinds.assign(config.tokens.size(), 1);
  for (const char* name : {"unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    const json::value* value = special.if_contains(name);
    // Either the token itself or an object that holds it.
    if (value != nullptr && value->is_object()) value = value->get_object().if_contains("content");
    if (value == nullptr || !value->is_string()) {
      return wrong("special_tokens_map.json: '" + std::string(name) + "' is missing");
    }
    const auto id = ids.find(std::string_view(value->get_string()));
    if (id == ids.end())
      return wrong("vocab.txt lacks the token " + std::string(value->get_string()));
    config.special_ids[name] = id->second;
    config.token_kinds[id->second] = 3;
  }
  for (std::size_t i = 0; i < config.tokens.size(); ++i) {
    std::string& token = config.tokens[i];
    if (config.token_kinds[i] == 3) continue;
    token = token.starts_with("##") ? token.substr(2) : "\u2581" + token;
  }
  return {};
}

base::Result<std::uint32_t> read_pooling(const Path& folder) {
  const Path file = folder / "1_Pooling" / "config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return 1;
  OPALINE_TRY(const json::object pooling, read_object(file));
  const auto is_set = [&](std::string_view key) {
    const json::value* value = pooling.if_contains(key);
    return value != nullptr && value->is_bool() && value->get_bool();
  };
  if (is_set("pooling_mode_mean_tokens")) return 1;
  if (is_set("pooling_mode_cls_token")) return 2;
  return wrong("1_Pooling/config.json asks for a pooling other than mean and first token");
}

base::Result<Config> read_config(const Path& folder) {
  OPALINE_TRY(const json::object object, read_object(folder / "config.json"));
  const json::value* type = object.if_contains("model_type");
  if (type == nullptr || !type->is_string() || type->get_string() != "bert") {
    return wrong("config.json: only models with \"model_type\": \"bert\" can be converted");
  }
  Config config;
  OPALINE_TRY(config.layers, positive(object, "num_hidden_layers", kLayersMax));
  OPALINE_TRY(config.width, positive(object, "hidden_size"));
  OPALINE_TRY(config.feed_forward, positive(object, "intermediate_size"));
  OPALINE_TRY(config.heads, positive(object, "num_attention_heads"));
  OPALINE_TRY(config.positions, positive(object, "max_position_embeddings"));
  OPALINE_TRY(config.token_types, positive(object, "type_vocab_size"));
  const json::value* epsilon = object.if_contains("layer_norm_eps");
  if (epsilon == nullptr || !epsilon->is_double())
    return wrong("config.json: 'layer_norm_eps' is missing");
  config.norm_epsilon = static_cast<float>(epsilon->get_double());
  OPALINE_TRY(config.pooling, read_pooling(folder));
  OPALINE_TRY_DO(read_vocabulary(folder, config));
  return config;
}

void write_settings(const Config& config, gguf_context* file) {
  gguf_set_val_str(file, "general.architecture", "bert");
  gguf_set_val_str(file, "general.type", "model");
  gguf_set_val_u32(file, "general.file_type", 1);  // Mostly f16.
  gguf_set_val_u32(file, "general.quantization_version", GGML_QNT_VERSION);
  gguf_set_val_u32(file, "bert.block_count", config.layers);
  gguf_set_val_u32(file, "bert.context_length", config.positions);
  gguf_set_val_u32(file, "bert.embedding_length", config.width);
  gguf_set_val_u32(file, "bert.feed_forward_length", config.feed_forward);
  gguf_set_val_u32(file, "bert.attention.head_count", config.heads);
  gguf_set_val_f32(file, "bert.attention.layer_norm_epsilon", config.norm_epsilon);
  gguf_set_val_bool(file, "bert.attention.causal", false);
  gguf_set_val_u32(file, "bert.pooling_type", config.pooling);
  gguf_set_val_u32(file, "tokenizer.ggml.token_type_count", config.token_types);
  gguf_set_val_str(file, "tokenizer.ggml.model", "bert");
  gguf_set_val_str(file, "tokenizer.ggml.pre", "default");
  std::vector<const char*> tokens;
  tokens.reserve(config.tokens.size());
  for (const std::string& token : config.tokens) tokens.push_back(token.c_str());
  gguf_set_arr_str(file, "tokenizer.ggml.tokens", tokens.data(), tokens.size());
  gguf_set_arr_data(file, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, config.token_kinds.data(),
                    config.token_kinds.size());
  for (const auto& [name, key] : {std::pair{"unk_token", "unknown"},
                                  {"sep_token", "seperator"},
                                  {"pad_token", "padding"},
                                  {"cls_token", "cls"},
                                  {"mask_token", "mask"},
                                  {"cls_token", "bos"}}) {
    const std::string full = std::string("tokenizer.ggml.") + key +
                             "_token_id";  // "seperator" is the format's spelling.
    gguf_set_val_u32(file, full.c_str(), config.special_ids.at(name));
  }
}

/// Our name, theirs, and the shape it must have (outermost first).
struct Wanted {
  std::string name;
  std::string source;
  std::vector<std::uint64_t> shape;
  bool half = false;
};

std::vector<Wanted> wanted_tensors(const Config& config) {
  const std::uint64_t width = config.width;
  const std::uint64_t inner = config.feed_forward;
  std::vector<Wanted> wanted = {
      {"token_embd.weight",
       "embeddings.word_embeddings.weight",
       {config.tokens.size(), width},
       true},
      {"position_embd.weight", "embeddings.position_embeddings.weight", {config.positions, width}},
      {"token_types.weight",
       "embeddings.token_type_embeddings.weight",
       {config.token_types, width}},
      {"token_embd_norm.weight", "embeddings.LayerNorm.weight", {width}},
      {"token_embd_norm.bias", "embeddings.LayerNorm.bias", {width}},
  };
  struct Part {
    const char* name;
    const char* source;
    std::uint64_t out;
    std::uint64_t in;  // 0: a norm, without a matrix.
  };
  const std::array<Part, 8> parts = {{{"attn_q", "attention.self.query", width, width},
                                      {"attn_k", "attention.self.key", width, width},
                                      {"attn_v", "attention.self.value", width, width},
                                      {"attn_output", "attention.output.dense", width, width},
                                      {"attn_output_norm", "attention.output.LayerNorm", width, 0},
                                      {"ffn_up", "intermediate.dense", inner, width},
                                      {"ffn_down", "output.dense", width, inner},
                                      {"layer_output_norm", "output.LayerNorm", width, 0}}};
  for (std::uint32_t layer = 0; layer < config.layers; ++layer) {
    const std::string ours = "blk." + std::to_string(layer) + ".";
    const std::string theirs = "encoder.layer." + std::to_string(layer) + ".";
    for (const Part& part : parts) {
      const bool matrix = part.in != 0;
      wanted.push_back({ours + part.name + ".weight", theirs + part.source + ".weight",
                        matrix ? std::vector{part.out, part.in} : std::vector{part.out}, matrix});
      wanted.push_back({ours + part.name + ".bias", theirs + part.source + ".bias", {part.out}});
    }
  }
  return wanted;
}

const Safetensors::Tensor* find_tensor(const Safetensors& source, const std::string& name) {
  for (const char* prefix : {"", "bert."}) {
    const auto found = source.tensors.find(prefix + name);
    if (found != source.tensors.end()) return &found->second;
  }
  return nullptr;
}

std::optional<std::vector<float>> floats_of(const Safetensors::Tensor& tensor) {
  if (tensor.type == "F32") {
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return values;
  }
  if (tensor.type != "F16" && tensor.type != "BF16") return std::nullopt;
  std::vector<std::uint16_t> halves(tensor.bytes.size() / sizeof(std::uint16_t));
  std::memcpy(halves.data(), tensor.bytes.data(), tensor.bytes.size());
  std::vector<float> values(halves.size());
  const auto count = static_cast<std::int64_t>(values.size());
  if (tensor.type == "F16") {
    ggml_fp16_to_fp32_row(halves.data(), values.data(), count);
  } else {
    ggml_bf16_to_fp32_row(reinterpret_cast<const ggml_bf16_t*>(halves.data()), values.data(),
                          count);
  }
  return values;
}

base::Result<void> add_tensor(const Wanted& wanted, const Safetensors& source, ggml_context* memory,
                              gguf_context* file) {
  const Safetensors::Tensor* found = find_tensor(source, wanted.source);
  if (found == nullptr) return wrong("model.safetensors lacks the tensor " + wanted.source);
  if (found->shape != wanted.shape) {
    return wrong("model.safetensors: " + wanted.source +
                 " has another shape than config.json says");
  }
  const auto values = floats_of(*found);
  if (!values)
    return wrong("model.safetensors: " + wanted.source + " is not of floating-point numbers");
  const auto in = static_cast<std::int64_t>(wanted.shape.back());
  const ggml_type type = wanted.half ? GGML_TYPE_F16 : GGML_TYPE_F32;
  ggml_tensor* tensor =
      wanted.shape.size() == 1
          ? ggml_new_tensor_1d(memory, type, in)
          : ggml_new_tensor_2d(memory, type, in, static_cast<std::int64_t>(wanted.shape.front()));
  ggml_set_name(tensor, wanted.name.c_str());
  if (wanted.half) {
    ggml_fp32_to_fp16_row(values->data(), static_cast<ggml_fp16_t*>(tensor->data),
                          static_cast<std::int64_t>(values->size()));
  } else {
    std::memcpy(tensor->data, values->data(), values->size() * sizeof(float));
  }
  gguf_add_tensor(file, tensor);
  return {};
}

}  // namespace

base::Result<void> convert_bert(const Path& folder, const Path& gguf) {
  OPALINE_TRY(const Config config, read_config(folder));
  OPALINE_TRY(const MappedFile mapped, MappedFile::open(folder / "model.safetensors"));
  OPALINE_TRY(const Safetensors source, parse_safetensors(mapped.bytes()));

  // Nothing is larger here than in the source (config.json's sizes are checked against it before a
  // tensor is made).
  const std::size_t memory_bytes =
      mapped.bytes().size() + (source.tensors.size() + 8) * (ggml_tensor_overhead() + 64);
  const std::unique_ptr<ggml_context, Deleter> memory(
      ggml_init({memory_bytes * 2, nullptr, false}));
  const std::unique_ptr<gguf_context, Deleter> file(gguf_init_empty());
  write_settings(config, file.get());
  for (const Wanted& wanted : wanted_tensors(config)) {
    OPALINE_TRY_DO(add_tensor(wanted, source, memory.get(), file.get()));
  }
  if (!gguf_write_to_file(file.get(), gguf.c_str(), false)) {
    std::error_code ignored;
    std::filesystem::remove(gguf, ignored);
    return base::fail(base::ErrorCode::unavailable,
                      "cannot write " + gguf.string() + " (is the disk full?)");
  }
  return {};
}

}  // namespace opaline::engine
