#include "engine/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace opaline::engine {

base::Result<MappedFile> MappedFile::open(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const auto code = errno == ENOENT || errno == ENOTDIR ? base::ErrorCode::not_found
                                                          : base::ErrorCode::unavailable;
    return base::fail(code, "cannot open " + file.string() + ": " + std::strerror(errno));
  }
  struct stat status{};
  void* address = nullptr;
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (regular && size > 0) address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int mapping_errno = errno;
  ::close(descriptor);
  if (!regular) return base::fail(base::ErrorCode::not_found, file.string() + " is not a file");
  if (address == MAP_FAILED) {
    return base::fail(base::ErrorCode::unavailable,
                      "cannot read " + file.string() + ": " + std::strerror(mapping_errno));
  }
  return MappedFile({static_cast<const std::byte*>(address), size});
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace opaline::engine
