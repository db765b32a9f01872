#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/package.hpp"

namespace opaline::engine {

/// A model that `pull` can fetch: where it comes from, what it must hash to, and what is made of
/// it.
struct KnownModel {
  enum class Role { encoder, generator };
  /// How its packages become a GGUF file.
  enum class Source {
    safetensors,  ///< One package with a sentence-transformers folder, converted.
    gguf_parts,   ///< Pieces of one GGUF file, put together in the packages' order.
  };

  std::string name;
  std::string title;
  Role role = Role::encoder;
  std::string licence;  ///< Its name, as a user is told before it is loaded.
  std::string licence_url;
  Source source = Source::safetensors;
  std::vector<Package> packages;
  std::vector<std::string> entries;  ///< In the wheels: files of the folder, or one part a package.
  std::string entry_folder;          ///< Prefix of `entries`, for safetensors.
  std::string sha256;                ///< Of the whole file, for gguf_parts.
  std::vector<std::string>
      formats;  ///< What is made: "f16", "q8_0"; the first is what `resolve(name)` gives.
};

[[nodiscard]] const std::vector<KnownModel>& known_models();

[[nodiscard]] std::string_view name(KnownModel::Role role);

}  // namespace opaline::engine
