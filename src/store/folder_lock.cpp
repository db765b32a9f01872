#include "store/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "store/database.hpp"

namespace opaline::store {

base::Result<std::unique_ptr<FolderLock>> FolderLock::take(const std::filesystem::path& folder) {
  const auto file = folder / "lock";
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return base::fail(file_error(errno, "open", file));
  std::unique_ptr<FolderLock> lock(new FolderLock(descriptor));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return base::fail(file_error(errno, "lock", file));
    std::array<char, 32> pid{};
    const auto length = ::pread(descriptor, pid.data(), pid.size() - 1, 0);
    std::string owner = length > 0
                            ? "process " + std::string(pid.data(), static_cast<std::size_t>(length))
                            : std::string("another process");
    while (owner.ends_with('\n')) owner.pop_back();
    return base::fail(
        base::ErrorCode::failed_precondition,
        "the data folder is in use by " + owner + ": stop it or choose another folder",
        file.string());
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, pid.data(), pid.size(), 0) < 0) {
    return base::fail(file_error(errno, "write", file));
  }
  return lock;
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace opaline::store
