#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace opaline::engine {

/// What a GGUF model file is, read from its head without loading it.
struct ModelDescription {
  enum class Kind { encoder, generator, other };

  std::filesystem::path file;
  std::string name;          ///< As the file names itself; else the file's own name.
  std::string architecture;  ///< "bert", "gemma3" …
  Kind kind = Kind::other;
  std::string quantisation;  ///< Of most of its weights: "Q8_0".
  std::string licence;       ///< If the file names one.
  std::uint64_t parameters = 0;
  std::uint64_t context_tokens = 0;
  std::uint64_t dimension = 0;
  std::uint64_t layers = 0;
  std::uint64_t vocabulary = 0;
  std::uint64_t bytes = 0;
  bool chat_template = false;
};

/// Checks and describes a model file; safe for any bytes.
/// @error not_found; unavailable: unreadable; invalid_argument: not a sound GGUF model; names the
/// file and the fault.
[[nodiscard]] base::Result<ModelDescription> inspect_model(const std::filesystem::path& file);

}  // namespace opaline::engine
