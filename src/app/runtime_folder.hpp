#pragma once

#include <filesystem>
#include <memory>

#include "base/result.hpp"

namespace opaline::app {

/// A folder for the sockets of child processes, readable by us alone, removed with the object. It
/// lies in the system's temporary folder because the path of a Unix socket is limited to 107 bytes.
class RuntimeFolder {
 public:
  /// @error failed_precondition: it cannot be made.
  [[nodiscard]] static base::Result<std::unique_ptr<RuntimeFolder>> create();
  ~RuntimeFolder();
  RuntimeFolder(const RuntimeFolder&) = delete;
  RuntimeFolder& operator=(const RuntimeFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit RuntimeFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace opaline::app
