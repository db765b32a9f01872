#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace opaline::engine {

/// What lies beside a model file that we made: how to recognise it, and where it came from.
struct ModelManifest {
  std::string model;
  std::string format;
  std::string sha256;
  std::uint64_t bytes = 0;
  std::string licence;
  std::string licence_url;
  std::string source;   ///< The packages: "name==version, …".
  std::string created;  ///< UTC, "2026-01-31T12:00:00Z".

  friend bool operator==(const ModelManifest&, const ModelManifest&) = default;
};

/// @error not_found; invalid_argument: not a manifest.
[[nodiscard]] base::Result<ModelManifest> read_manifest(const std::filesystem::path& file);
[[nodiscard]] std::string to_text(const ModelManifest& manifest);

}  // namespace opaline::engine
