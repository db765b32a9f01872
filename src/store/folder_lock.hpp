#pragma once

#include <filesystem>
#include <memory>

#include "base/result.hpp"

namespace opaline::store {

/// Keeps a folder for one process: a lock (flock) on its file `lock`, which holds the owner's pid.
/// The kernel lets go of it when the process ends in any way.
class FolderLock {
 public:
  /// @error failed_precondition: another one has it (names its pid), or the folder is read-only.
  static base::Result<std::unique_ptr<FolderLock>> take(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace opaline::store
