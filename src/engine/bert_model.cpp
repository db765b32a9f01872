#include "engine/bert_model.hpp"

#include <ggml.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "engine/gguf_check.hpp"
#include "engine/gguf_floats.hpp"

namespace opaline::engine {
namespace {

void copy_floats(const void* row, float* to, std::int64_t count) {
  std::memcpy(to, row, static_cast<std::size_t>(count) * sizeof(float));
}

}  // namespace

/// Takes a file's tensors one by one. Every function says false or null where a plain BERT has
/// something else.
class BertModel::Reader {
 public:
  Reader(BertModel& model, const GgufHead& head) : model_(model), head_(head) {
    for (const GgufHead::Tensor& tensor : head.tensors) {
      // Heads for classifying: no token's vector depends on them.
      if (!tensor.name.starts_with("cls")) left_.emplace(tensor.name, &tensor);
    }
  }

  bool read() { return read_sizes() && read_embedding() && read_layers() && left_.empty(); }

 private:
  bool read_sizes() {
    const auto causal = head_.values.find("bert.attention.causal");
    if (head_.find_text("general.architecture") != "bert" || causal == head_.values.end() ||
        causal->second != GgufHead::Value(false)) {
      return false;
    }
    const std::size_t width = size("embedding_length");
    const std::size_t inner_width = size("feed_forward_length");
    const std::size_t heads = size("attention.head_count");
    if (width == 0 || inner_width == 0 || heads == 0 || width % heads != 0) return false;
    const std::size_t head_width = width / heads;
    const auto epsilon = head_.find_real("bert.attention.layer_norm_epsilon");
    if (head_width % BertKernels::kWidthStep != 0 || inner_width % BertKernels::kWidthStep != 0 ||
        size("attention.head_count_kv", heads) != heads ||
        size("attention.key_length", head_width) != head_width ||
        size("attention.value_length", head_width) != head_width || !epsilon) {
      return false;
    }
    model_.width_ = width;
    model_.inner_width_ = inner_width;
    model_.heads_ = heads;
    epsilon_ = static_cast<float>(*epsilon);
    return true;
  }

  bool read_embedding() {
    const std::size_t width = model_.width_;
    model_.vocabulary_ = head_.find_array("tokenizer.ggml.tokens")->count;
    const std::uint64_t type_count =
        head_.find_number("tokenizer.ggml.token_type_count").value_or(0);
    const auto* table = take("token_embd.weight", {width, model_.vocabulary_});
    const auto* positions = take("position_embd.weight", {width, size("context_length")});
    const auto* types = take("token_types.weight", {width, type_count});
    if (table == nullptr || positions == nullptr || types == nullptr) return false;
    model_.table_ = bytes(*table);
    model_.to_float_ = to_float(*table);
    model_.positions_ = floats(*positions);
    const std::vector<float> type = floats(*types);
    for (std::size_t i = 0; i < model_.positions_.size(); ++i)
      model_.positions_[i] += type[i % width];
    model_.second_.resize(width);
    if (type_count > 1) {
      std::ranges::transform(std::span(type).subspan(width, width), std::span(type).first(width),
                             model_.second_.begin(), std::minus());
    }
    return read_norm("token_embd_norm", model_.embedding_norm_);
  }

  bool read_layers() {
    std::size_t elements = 0;  // As many as the file has, whatever it says of layers and widths.
    for (const auto& [name, tensor] : left_) elements += tensor->elements;
    model_.packed_ = AlignedBytes(elements * model_.kernels_.element_bytes);
    packed_ = model_.packed_.data();
    const std::size_t width = model_.width_;
    const std::size_t inner_width = model_.inner_width_;
    for (std::size_t i = 0; i < size("block_count"); ++i) {
      const std::string name = "blk." + std::to_string(i) + ".";
      Layer& layer = model_.layers_.emplace_back();
      if (!read_linear(name, {"attn_q", "attn_k", "attn_v"}, {width, width}, layer.projection) ||
          !read_linear(name, {"attn_output"}, {width, width}, layer.mixing) ||
          !read_norm(name + "attn_output_norm", layer.mixing_norm) ||
          !read_linear(name, {"ffn_up"}, {width, inner_width}, layer.widening) ||
          !read_linear(name, {"ffn_down"}, {inner_width, width}, layer.narrowing) ||
          !read_norm(name + "layer_output_norm", layer.output_norm)) {
        return false;
      }
    }
    return true;
  }

  struct Shape {
    std::size_t in;
    std::size_t out;
  };
  /// The outputs of all `parts` beside each other.
  bool read_linear(const std::string& prefix, std::initializer_list<const char*> parts, Shape shape,
                   BertKernels::Layer& layer) {
    std::vector<float> weight;
    std::vector<float> bias;
    for (const std::string part : parts) {
      const auto* rows = take(prefix + part + ".weight", {shape.in, shape.out});
      const auto* added = take(prefix + part + ".bias", {shape.out});
      if (rows == nullptr || added == nullptr) return false;
      std::ranges::copy(floats(*rows), std::back_inserter(weight));
      std::ranges::copy(floats(*added), std::back_inserter(bias));
    }
    layer = {.packed = packed_, .bias = nullptr, .in = shape.in, .out = bias.size()};
    layer.bias = keep(std::move(bias));
    model_.kernels_.pack(weight.data(), layer, packed_);
    packed_ += weight.size() * model_.kernels_.element_bytes;
    return true;
  }

  bool read_norm(const std::string& name, BertKernels::Norm& norm) {
    const auto* weight = take(name + ".weight", {model_.width_});
    const auto* bias = take(name + ".bias", {model_.width_});
    if (weight == nullptr || bias == nullptr) return false;
    norm = {.weight = keep(floats(*weight)), .bias = keep(floats(*bias)), .epsilon = epsilon_};
    return true;
  }

  [[nodiscard]] std::size_t size(std::string_view name, std::size_t otherwise = 0) const {
    const std::string key = "bert." + std::string(name);
    if (!head_.values.contains(key)) return otherwise;
    return head_.find_number(key).value_or(0);
  }

  /// A tensor of that shape, the extent of a row first. Null if there is none, or not of weights.
  const GgufHead::Tensor* take(const std::string& name, std::vector<std::uint64_t> extents) {
    const auto found = left_.find(name);
    if (found == left_.end()) return nullptr;
    const GgufHead::Tensor* tensor = found->second;
    extents.resize(std::max(extents.size(), tensor->extents.size()), 1);
    std::vector<std::uint64_t> theirs = tensor->extents;
    theirs.resize(extents.size(), 1);  // A last extent of 1 need not be written.
    if (theirs != extents || to_float(*tensor) == nullptr) return nullptr;
    left_.erase(found);
    return tensor;
  }

  static ToFloat to_float(const GgufHead::Tensor& tensor) {
    const auto type = static_cast<ggml_type>(tensor.ggml_type);
    return type == GGML_TYPE_F32 ? copy_floats : ggml_get_type_traits(type)->to_float;
  }

  [[nodiscard]] std::span<const std::byte> bytes(const GgufHead::Tensor& tensor) const {
    return model_.file_.bytes().subspan(tensor.offset, tensor.bytes);
  }

  /// Of a tensor that take() gave.
  [[nodiscard]] std::vector<float> floats(const GgufHead::Tensor& tensor) const {
    return *gguf_floats(model_.file_.bytes(), tensor);
  }

  const float* keep(std::vector<float> values) {
    return model_.floats_.emplace_back(std::move(values)).data();
  }

  BertModel& model_;
  const GgufHead& head_;
  std::map<std::string, const GgufHead::Tensor*> left_;
  float epsilon_ = 0;
  std::byte* packed_ = nullptr;
};

std::unique_ptr<BertModel> BertModel::find(const std::filesystem::path& file,
                                           const BertKernels& kernels) {
  auto mapped = MappedFile::open(file);
  if (!mapped) return nullptr;
  const auto head = check_gguf(mapped->bytes());
  if (!head || !check_gguf_model(*head)) return nullptr;
  std::unique_ptr<BertModel> model(new BertModel(kernels, std::move(*mapped)));
  if (!Reader(*model, *head).read()) return nullptr;
  return model;
}

void BertModel::embed(Token token, std::size_t position, Segment segment, float* row) const {
  const auto index = static_cast<std::size_t>(token);
  OPALINE_ASSERT(index < vocabulary_);
  const std::size_t row_bytes = table_.size() / vocabulary_;
  to_float_(table_.subspan(index * row_bytes).data(), row, static_cast<std::int64_t>(width_));
  const float* added = positions_.data() + position * width_;
  for (std::size_t i = 0; i < width_; ++i) row[i] += added[i];
  if (segment == Segment::first) return;
  for (std::size_t i = 0; i < width_; ++i) row[i] += second_[i];
}

}  // namespace opaline::engine
