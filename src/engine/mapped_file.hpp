#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>

#include "base/result.hpp"

namespace opaline::engine {

/// A file's bytes, mapped read-only; unmapped when it dies. Movable. Nobody may shorten the file
/// meanwhile: model files are written under another name and renamed, never changed in place.
class MappedFile {
 public:
  /// @error not_found: no such regular file; unavailable: it cannot be read.
  [[nodiscard]] static base::Result<MappedFile> open(const std::filesystem::path& file);

  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

}  // namespace opaline::engine
