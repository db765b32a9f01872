#include "app/runtime_folder.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace opaline::app {

namespace fs = std::filesystem;

base::Result<std::unique_ptr<RuntimeFolder>> RuntimeFolder::create() {
  std::error_code error;
  const fs::path temporary = fs::temp_directory_path(error);
  std::string name = ((error ? fs::path("/tmp") : temporary) / "opaline-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    return base::fail(base::ErrorCode::failed_precondition,
                      fmt::format("cannot make a folder for sockets in {}: {}",
                                  fs::path(name).parent_path().string(), std::strerror(errno)));
  }
  return std::unique_ptr<RuntimeFolder>(new RuntimeFolder(name));
}

RuntimeFolder::~RuntimeFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace opaline::app
