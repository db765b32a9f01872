#include "app/runtime_folder.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace opaline::app {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kName = "opaline-";
constexpr std::string_view kRandom = "XXXXXX";
// A younger one may belong to a process that has not locked it yet.
constexpr std::chrono::minutes kLeftBehindAfter{1};

bool left_behind(const fs::path& folder) {
  struct stat found{};
  if (::lstat(folder.c_str(), &found) != 0) return false;
  const auto changed = std::chrono::system_clock::from_time_t(found.st_mtime);
  return S_ISDIR(found.st_mode) && found.st_uid == ::geteuid() &&
         changed + kLeftBehindAfter < std::chrono::system_clock::now();
}

void remove_left_behind(const fs::path& temporary) {
  std::error_code error;
  for (fs::directory_iterator next(temporary, error), end; !error && next != end;
       next.increment(error)) {
    const std::string name = next->path().filename();
    if (!name.starts_with(kName) || name.size() != kName.size() + kRandom.size()) continue;
    if (!left_behind(next->path()) || !fs::exists(next->path() / "lock", error)) continue;
    if (store::FolderLock::take(next->path())) fs::remove_all(next->path(), error);
    error.clear();
  }
}

}  // namespace

base::Result<std::unique_ptr<RuntimeFolder>> RuntimeFolder::create() {
  std::error_code error;
  fs::path temporary = fs::temp_directory_path(error);
  if (error) temporary = "/tmp";
  remove_left_behind(temporary);
  std::string name = (temporary / kName).string() + std::string(kRandom);
  if (::mkdtemp(name.data()) == nullptr) {
    return base::fail(base::ErrorCode::failed_precondition,
                      fmt::format("cannot make a folder for sockets in {}: {}", temporary.string(),
                                  std::strerror(errno)));
  }
  OPALINE_TRY(auto lock, store::FolderLock::take(name));
  return std::unique_ptr<RuntimeFolder>(new RuntimeFolder(name, std::move(lock)));
}

RuntimeFolder::~RuntimeFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace opaline::app
