#pragma once

#include <filesystem>
#include <memory>

#include "base/result.hpp"
#include "store/folder_lock.hpp"

namespace opaline::app {

/// A folder for the sockets of child processes, readable by us alone, removed with the object. It
/// lies in the system's temporary folder because the path of a Unix socket is limited to 107 bytes.
/// Those that killed processes left there are removed when the next one is made.
class RuntimeFolder {
 public:
  /// @error failed_precondition: it cannot be made.
  [[nodiscard]] static base::Result<std::unique_ptr<RuntimeFolder>> create();
  ~RuntimeFolder();
  RuntimeFolder(const RuntimeFolder&) = delete;
  RuntimeFolder& operator=(const RuntimeFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  RuntimeFolder(std::filesystem::path path, std::unique_ptr<store::FolderLock> lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  std::filesystem::path path_;
  std::unique_ptr<store::FolderLock> lock_;  // Says that the process lives.
};

}  // namespace opaline::app
