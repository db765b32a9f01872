#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "base/result.hpp"
#include "engine/model_description.hpp"

struct llama_model;

namespace opaline::engine {

using Token = std::int32_t;  ///< As llama_token.

/// A model's weights and vocabulary in memory, and what its file says. Shared by the threads that
/// compute with it, none of which changes it. The Backend must outlive it.
class LoadedModel {
 public:
  enum class Parts {
    all,
    vocabulary,  ///< For tokenise() alone: another engine has the weights.
  };

  /// @param kind what it must be. @error not_found; unavailable; invalid_argument: not a sound GGUF
  /// model, of another kind, or refused by llama.cpp; names the file and what to do.
  [[nodiscard]] static base::Result<std::unique_ptr<LoadedModel>> load(
      const std::filesystem::path& file, ModelDescription::Kind kind, Parts parts = Parts::all);
  ~LoadedModel();
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;

  enum class Specials {
    none,   ///< The text alone.
    added,  ///< With what the model wants at its ends ([CLS], [SEP], <bos> …).
  };
  /// What a special token's spelling ("<eos>") in the text becomes.
  enum class Spelling {
    text,   ///< Letters like any others: for what users wrote.
    token,  ///< The token: for the fixed parts of a template.
  };
  /// Any thread. Bytes that are not UTF-8 are taken as U+FFFD.
  [[nodiscard]] std::vector<Token> tokenise(std::string_view text, Specials specials,
                                            Spelling spelling = Spelling::text) const;

  [[nodiscard]] llama_model* model() const { return model_; }
  [[nodiscard]] const ModelDescription& description() const OPALINE_LIFETIME_BOUND {
    return description_;
  }

 private:
  LoadedModel(llama_model* model, ModelDescription description)
      : model_(model), description_(std::move(description)) {}

  llama_model* model_;
  ModelDescription description_;
};

}  // namespace opaline::engine
