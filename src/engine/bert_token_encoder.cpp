#include "engine/bert_token_encoder.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "engine/aligned_bytes.hpp"

namespace opaline::engine {
namespace {

/// Rows further apart than they are wide: a width that is a power of two would put all of them into
/// the same few sets of the cache.
constexpr std::size_t kStridePadding = 32;

class BertTokenEncoder final : public TokenEncoder {
 public:
  BertTokenEncoder(const BertModel& model, std::size_t tokens_max)
      : model_(model),
        kernels_(model.kernels()),
        tokens_max_(tokens_max),
        sums_(tokens_max * model.width() * sizeof(float)),
        input_(elements(model.width())),
        projected_(elements(3 * model.width())),
        inner_(elements(model.inner_width())),
        scratch_(kernels_.scratch_bytes(std::min(tokens_max, model.positions()),
                                        model.width() / model.heads())) {}

  base::Result<std::span<const float>> encode(std::span<const TokenSequence> sequences) override {
    const std::size_t tokens = embed(sequences);
    auto* sums = reinterpret_cast<float*>(sums_.data());
    const std::size_t width = model_.width();
    const Rows input = rows(input_, width, tokens);
    const Rows projected = rows(projected_, 3 * width, tokens);
    const Rows inner = rows(inner_, model_.inner_width(), tokens);
    kernels_.normalise(sums, width, model_.embedding_norm(), input);
    for (const BertModel::Layer& layer : model_.layers()) {
      kernels_.project(input, layer.projection, projected);
      attend(sequences, projected, input);
      kernels_.project_add(input, layer.mixing, sums);
      kernels_.normalise(sums, width, layer.mixing_norm, input);
      kernels_.project_gelu(input, layer.widening, inner);
      kernels_.project_add(inner, layer.narrowing, sums);
      kernels_.normalise(sums, width, layer.output_norm, input);
    }
    return std::span<const float>(sums, tokens * width);
  }

  [[nodiscard]] std::size_t dimension() const override { return model_.width(); }

 private:
  using Rows = BertKernels::Rows;

  [[nodiscard]] AlignedBytes elements(std::size_t width) const {
    return AlignedBytes((tokens_max_ + BertKernels::kSlackRows) * (width + kStridePadding) *
                        kernels_.element_bytes);
  }

  static Rows rows(const AlignedBytes& memory, std::size_t width, std::size_t count) {
    return {.first = memory.data(), .count = count, .stride = width + kStridePadding};
  }

  /// @return the number of tokens.
  std::size_t embed(std::span<const TokenSequence> sequences) {
    OPALINE_ASSERT(!sequences.empty());
    auto* sums = reinterpret_cast<float*>(sums_.data());
    std::size_t row = 0;
    for (const auto& [tokens, second] : sequences) {
      OPALINE_ASSERT(!tokens.empty() && tokens.size() <= model_.positions());
      OPALINE_ASSERT(tokens.size() <= tokens_max_ - row);
      for (std::size_t i = 0; i < tokens.size(); ++i, ++row) {
        const auto segment = i < second ? BertModel::Segment::first : BertModel::Segment::second;
        model_.embed(tokens[i], i, segment, sums + row * model_.width());
      }
    }
    return row;
  }

  void attend(std::span<const TokenSequence> sequences, const Rows& projected, const Rows& mixed) {
    std::size_t row = 0;
    for (const TokenSequence& sequence : sequences) {
      kernels_.attend({.projected = {.first = at(projected, row),
                                     .count = sequence.tokens.size(),
                                     .stride = projected.stride},
                       .mixed = at(mixed, row),
                       .mixed_stride = mixed.stride,
                       .heads = model_.heads(),
                       .head_width = model_.width() / model_.heads(),
                       .scratch = scratch_.data()});
      row += sequence.tokens.size();
    }
  }

  [[nodiscard]] std::byte* at(const Rows& rows, std::size_t row) const {
    return rows.first + row * rows.stride * kernels_.element_bytes;
  }

  const BertModel& model_;
  const BertKernels& kernels_;
  const std::size_t tokens_max_;
  const AlignedBytes sums_;       // What the next layer's input is made of: f32, width().
  const AlignedBytes input_;      // The same as elements; then the heads' results.
  const AlignedBytes projected_;  // Query, key and value.
  const AlignedBytes inner_;
  const AlignedBytes scratch_;
};

}  // namespace

std::unique_ptr<TokenEncoder> create_bert_token_encoder(const BertModel& model,
                                                        std::size_t tokens_max) {
  return std::make_unique<BertTokenEncoder>(model, tokens_max);
}

}  // namespace opaline::engine
