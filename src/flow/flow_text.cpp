#include "flow/flow_text.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/limits.hpp"
#include "flow/mistakes.hpp"

namespace opaline::flow {
namespace {

/// A file descriptor that is closed with its owner.
class OpenFile {
 public:
  explicit OpenFile(int descriptor) : descriptor_(descriptor) {}
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

base::Result<std::string> read_flow_text(const std::filesystem::path& path) {
  const std::string shown = in_quotes(path.string());
  const auto failed = [&shown](int error) {
    const std::string why = std::generic_category().message(error);
    switch (error) {
      case ENOENT:
      case ENOTDIR: return base::fail(base::ErrorCode::not_found, "no flow file " + shown);
      case EACCES:
        return base::fail(base::ErrorCode::permission_denied, shown + " may not be read");
      case ENAMETOOLONG:
      case ELOOP: return base::fail(base::ErrorCode::invalid_argument, shown + ": " + why);
      default: return base::fail(base::ErrorCode::unavailable, shown + " cannot be read", why);
    }
  };
  if (path.native().contains('\0')) {
    return base::fail(base::ErrorCode::invalid_argument, shown + " is no name of a file");
  }
  // Without blocking, so that a pipe without a writer cannot hold the start up.
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return failed(errno);
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return failed(errno);
  if (!S_ISREG(status.st_mode)) {
    return base::fail(base::ErrorCode::invalid_argument, shown + " is no regular file");
  }
  // One byte more than allowed tells too long a file, even one that grew since.
  std::string text(limits::kFlowFileBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size == text.size()) {
    return base::fail(base::ErrorCode::invalid_argument,
                      fmt::format("{} is too large: a flow file has at most {} bytes", shown,
                                  limits::kFlowFileBytes));
  }
  text.resize(size);
  return text;
}

}  // namespace opaline::flow
