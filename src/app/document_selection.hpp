#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace opaline::app {

/// A file to be ingested, and the name that it goes by in the index.
struct SelectedFile {
  std::filesystem::path file;
  std::string source;
  std::uint64_t bytes = 0;
};

/// What a user's files, folders, globs and URLs come to.
struct DocumentSelection {
  std::vector<SelectedFile> files;  ///< By source, ascending.
  std::vector<std::string> links;
  std::size_t passed_over = 0;  ///< Files in folders that are hidden or of other kinds.
};

/// Looks each place up. Folders are walked for the kinds that can be read; a file that is named
/// itself is always taken.
/// @error not_found: a place that does not exist, or a folder that cannot be read.
[[nodiscard]] base::Result<DocumentSelection> select_documents(
    const std::vector<std::string>& places);

/// The whole file. @error not_found: it cannot be read.
[[nodiscard]] base::Result<std::string> read_file(const std::filesystem::path& file);

}  // namespace opaline::app
