#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "engine/aligned_bytes.hpp"
#include "engine/bert_kernels.hpp"
#include "engine/loaded_model.hpp"
#include "engine/mapped_file.hpp"

namespace opaline::engine {

/// The parameters of a plain BERT encoder (norms after each sum, learned positions, GELU;
/// all-MiniLM and most small embedding models), packed for one level of CPU. Never changes; any
/// thread.
class BertModel {
 public:
  struct Layer {
    BertKernels::Layer projection;  ///< To query, key and value.
    BertKernels::Layer mixing;      ///< Of the heads' results.
    BertKernels::Norm mixing_norm;
    BertKernels::Layer widening;
    BertKernels::Layer narrowing;
    BertKernels::Norm output_norm;
  };

  /// @return null unless `file` is a sound GGUF of a plain BERT with all its parts and no others.
  /// Then llama.cpp runs it, or says what is wrong with it.
  [[nodiscard]] static std::unique_ptr<BertModel> find(const std::filesystem::path& file,
                                                       const BertKernels& kernels);

  /// Of a pair of texts; a text alone is a first one.
  enum class Segment { first, second };
  /// Writes width() floats: what the first norm is applied to.
  void embed(Token token, std::size_t position, Segment segment, float* row) const;

  [[nodiscard]] const BertKernels& kernels() const { return kernels_; }
  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] std::size_t inner_width() const { return inner_width_; }
  [[nodiscard]] std::size_t heads() const { return heads_; }
  [[nodiscard]] std::size_t positions() const { return positions_.size() / width_; }
  [[nodiscard]] const BertKernels::Norm& embedding_norm() const OPALINE_LIFETIME_BOUND {
    return embedding_norm_;
  }
  [[nodiscard]] std::span<const Layer> layers() const OPALINE_LIFETIME_BOUND { return layers_; }

 private:
  class Reader;
  /// A row of a table as the file has it, to floats.
  using ToFloat = void (*)(const void* row, float* to, std::int64_t count);

  BertModel(const BertKernels& kernels, MappedFile file)
      : kernels_(kernels), file_(std::move(file)), packed_(0) {}

  const BertKernels& kernels_;
  MappedFile file_;  ///< Holds the tokens' table: few of its rows are ever looked at.
  std::size_t width_ = 0;
  std::size_t inner_width_ = 0;
  std::size_t heads_ = 0;
  std::size_t vocabulary_ = 0;
  std::span<const std::byte> table_;  ///< Of tokens.
  ToFloat to_float_ = nullptr;
  std::vector<float> positions_;  ///< The first segment's type is already added.
  std::vector<float> second_;     ///< What the second segment's type has more than the first's.
  BertKernels::Norm embedding_norm_;
  std::vector<Layer> layers_;
  AlignedBytes packed_;                     ///< All layers' weights.
  std::vector<std::vector<float>> floats_;  ///< Biases and norms.
};

}  // namespace opaline::engine
