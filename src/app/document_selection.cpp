#include "app/document_selection.hpp"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>

namespace opaline::app {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;

/// What a folder is searched for; a file that is named itself is always sent, and the server tells
/// what it is.
constexpr std::array kExtensions = {".html", ".htm",  ".xhtml", ".md",    ".markdown",
                                    ".txt",  ".text", ".rst",   ".pdf",   ".docx",
                                    ".csv",  ".tsv",  ".json",  ".jsonl", ".ndjson"};

bool readable_kind(const fs::path& file) {
  std::string extension = file.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

base::Result<void> select_folder(const fs::path& folder, DocumentSelection& selection) {
  std::error_code error;
  const fs::path base = fs::weakly_canonical(folder, error).parent_path();
  auto walk = fs::recursive_directory_iterator(
      folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    const bool hidden = walk->path().filename().string().starts_with(".");
    if (walk->is_directory(error)) {
      if (hidden) walk.disable_recursion_pending();
      continue;
    }
    if (!walk->is_regular_file(error)) continue;
    if (hidden || !readable_kind(walk->path())) {
      ++selection.passed_over;
      continue;
    }
    const fs::path whole =
        fs::weakly_canonical(walk->path().parent_path(), error) / walk->path().filename();
    selection.files.push_back(
        {walk->path(), whole.lexically_relative(base).generic_string(), walk->file_size(error)});
  }
  if (error) {
    return base::fail(ErrorCode::not_found, fmt::format("cannot read the folder {}: {}",
                                                        folder.string(), error.message()));
  }
  return {};
}

base::Result<void> select_place(const std::string& place, DocumentSelection& selection) {
  if (place.starts_with("http://") || place.starts_with("https://")) {
    selection.links.push_back(place);
    return {};
  }
  std::error_code error;
  if (fs::is_directory(place, error)) return select_folder(place, selection);
  if (fs::is_regular_file(place, error)) {
    selection.files.push_back(
        {place, fs::path(place).filename().string(), fs::file_size(place, error)});
    return {};
  }
  ::glob_t found{};
  std::vector<std::string> matches;
  if (::glob(place.c_str(), GLOB_TILDE | GLOB_BRACE, nullptr, &found) == 0) {
    matches.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  if (matches.empty() || matches == std::vector{place}) {
    return base::fail(ErrorCode::not_found, fmt::format("there is no file or folder '{}'", place));
  }
  for (const std::string& match : matches) OPALINE_TRY_DO(select_place(match, selection));
  return {};
}

}  // namespace

base::Result<DocumentSelection> select_documents(const std::vector<std::string>& places) {
  DocumentSelection selection;
  for (const std::string& place : places) OPALINE_TRY_DO(select_place(place, selection));
  std::ranges::sort(selection.files, {}, &SelectedFile::source);
  return selection;
}

base::Result<std::string> read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(in), {});
  if (!in && !in.eof())
    return base::fail(ErrorCode::not_found, fmt::format("cannot read {}", file.string()));
  return bytes;
}

}  // namespace opaline::app
