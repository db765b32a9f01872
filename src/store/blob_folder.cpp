#include "store/blob_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "base/digest.hpp"
#include "base/random.hpp"
#include "store/database.hpp"

namespace opaline::store {

namespace fs = std::filesystem;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::string_view kUnfinished = ".unfinished-";

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

bool is_key(std::string_view key) {
  return key.size() == 64 && key.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<void> write_synced(const fs::path& file, std::string_view bytes) {
  const File out(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (out.descriptor() < 0) return base::fail(file_error(errno, "create", file));
  while (!bytes.empty()) {
    const auto written = ::write(out.descriptor(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return base::fail(file_error(errno, "write", file));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(out.descriptor()) != 0) return base::fail(file_error(errno, "sync", file));
  return {};
}

Result<void> sync_folder(const fs::path& folder) {
  const File opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.descriptor() < 0 || ::fsync(opened.descriptor()) != 0) {
    return base::fail(file_error(errno, "sync", folder));
  }
  return {};
}

template <class F>
Result<void> each_file(const fs::path& folder, F visit) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    visit(*entry);
  }
  if (error) return base::fail(file_error(error.value(), "list", folder));
  return {};
}

}  // namespace

Result<std::unique_ptr<BlobFolder>> BlobFolder::open(fs::path folder) {
  std::error_code error;
  fs::create_directory(folder, error);
  if (error) return base::fail(file_error(error.value(), "create", folder));
  OPALINE_TRY_DO(sync_folder(folder.parent_path()));
  OPALINE_TRY_DO(each_file(folder, [](const fs::directory_entry& entry) {
    std::error_code ignored;  // It will be tried again at the next start.
    if (entry.path().filename().string().starts_with(kUnfinished))
      fs::remove(entry.path(), ignored);
  }));
  return std::unique_ptr<BlobFolder>(new BlobFolder(std::move(folder)));
}

Result<std::string> BlobFolder::put(std::string_view bytes) {
  std::string key = base::sha256_hex(bytes);
  {
    std::lock_guard lock(mutex_);
    ++fresh_[key];
  }
  std::error_code error;
  if (fs::file_size(path(key), error) == bytes.size() && !error) return key;
  if (auto written = write(key, bytes); !written) {
    release(key);
    return base::fail(std::move(written).error());
  }
  return key;
}

Result<void> BlobFolder::write(const std::string& key, std::string_view bytes) {
  const fs::path unfinished = folder_ / (std::string(kUnfinished) + base::random_hex(8));
  auto written = write_synced(unfinished, bytes);
  if (written && ::rename(unfinished.c_str(), path(key).c_str()) != 0) {
    written = base::fail(file_error(errno, "rename", unfinished));
  }
  if (!written) {
    ::unlink(unfinished.c_str());
    return written;
  }
  return sync_folder(folder_);
}

void BlobFolder::release(const std::string& key) {
  std::lock_guard lock(mutex_);
  if (const auto found = fresh_.find(key); found != fresh_.end() && --found->second == 0)
    fresh_.erase(found);
}

Result<std::string> BlobFolder::get(const std::string& key) const {
  if (!is_key(key))
    return base::fail(ErrorCode::not_found, "there are no bytes with this key", key);
  const auto file = path(key);
  const File in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (in.descriptor() < 0 && errno == ENOENT) {
    return base::fail(ErrorCode::not_found, "there are no bytes with this key", file.string());
  }
  if (in.descriptor() < 0) return base::fail(file_error(errno, "open", file));
  struct stat status{};
  if (::fstat(in.descriptor(), &status) != 0) return base::fail(file_error(errno, "stat", file));
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  for (std::size_t have = 0; have < bytes.size();) {
    const auto count = ::read(in.descriptor(), bytes.data() + have, bytes.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::fail(file_error(errno, "read", file));
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  if (base::sha256_hex(bytes) != key) {
    return base::fail(ErrorCode::internal, "the stored copy of the file is damaged: send it again",
                      file.string());
  }
  return bytes;
}

fs::path BlobFolder::path(const std::string& key) const { return folder_ / key; }

Result<void> BlobFolder::remove_others(const std::set<std::string>& keys) {
  std::vector<fs::path> unused;
  OPALINE_TRY_DO(each_file(folder_, [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    if (is_key(name) && !keys.contains(name) && !fresh_.contains(name))
      unused.push_back(entry.path());
  }));
  for (const auto& file : unused) {
    if (::unlink(file.c_str()) != 0 && errno != ENOENT)
      return base::fail(file_error(errno, "remove", file));
  }
  return unused.empty() ? Result<void>{} : sync_folder(folder_);
}

std::uint64_t BlobFolder::bytes() const {
  std::uint64_t sum = 0;
  (void)each_file(folder_, [&sum](const fs::directory_entry& entry) {
    std::error_code error;
    if (const auto size = entry.file_size(error); !error) sum += size;
  });
  return sum;
}

}  // namespace opaline::store
