#include "engine/ranking_head.hpp"

#include <cmath>
#include <numeric>
#include <string>

#include "base/assert.hpp"
#include "engine/gguf_check.hpp"
#include "engine/gguf_floats.hpp"
#include "engine/mapped_file.hpp"

namespace opaline::engine {

base::Result<std::optional<RankingHead>> RankingHead::find(const std::filesystem::path& file) {
  OPALINE_TRY(const MappedFile mapped, MappedFile::open(file));
  OPALINE_TRY(const GgufHead head, check_gguf(mapped.bytes()));
  const std::uint64_t width =
      head.find_number(std::string(head.find_text("general.architecture").value_or("")) +
                       ".embedding_length")
          .value_or(0);
  const auto unknown = [&](const std::string& why) {
    return base::fail(base::ErrorCode::invalid_argument,
                      file.string() + " is a reranking model of a kind that is not supported: " +
                          why + ". Another one of the BERT or RoBERTa family will do");
  };
  RankingHead found;
  for (const GgufHead::Tensor& tensor : head.tensors) {
    if (!tensor.name.starts_with("cls")) continue;
    const auto take = [&](std::uint64_t elements, std::vector<float>& into) {
      auto values = tensor.elements == elements ? gguf_floats(mapped.bytes(), tensor)
                                                : std::optional<std::vector<float>>();
      if (values) into = std::move(*values);
      return values.has_value();
    };
    std::vector<float> bias;
    const bool taken = tensor.name == "cls.weight"          ? take(width * width, found.dense_)
                       : tensor.name == "cls.bias"          ? take(width, found.dense_bias_)
                       : tensor.name == "cls.output.weight" ? take(width, found.output_)
                       : tensor.name == "cls.output.bias"   ? take(1, bias)
                                                            : false;
    if (!taken) return unknown("its tensor '" + tensor.name + "' is not that of one score");
    if (!bias.empty()) found.output_bias_ = bias.front();
  }
  if (found.output_.empty()) {
    if (!found.dense_.empty()) return unknown("it has no tensor 'cls.output.weight'");
    return std::nullopt;
  }
  if (found.dense_bias_.empty()) found.dense_bias_.resize(found.dense_.empty() ? 0 : width);
  return found;
}

float RankingHead::score(std::span<const float> first) const {
  OPALINE_ASSERT(first.size() == output_.size());
  float sum = output_bias_;
  for (std::size_t i = 0; i < first.size(); ++i) {
    float value = first[i];
    if (!dense_.empty()) {
      value = std::tanh(std::inner_product(
          first.begin(), first.end(),
          dense_.begin() + static_cast<std::ptrdiff_t>(i * first.size()), dense_bias_[i]));
    }
    sum += output_[i] * value;
  }
  return 1 / (1 + std::exp(-sum));
}

}  // namespace opaline::engine
