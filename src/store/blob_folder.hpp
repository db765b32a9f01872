#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace opaline::store {

/// Files named by the SHA-256 of their bytes. A file is there whole or not at all: it is written
/// under another name, synced, and renamed. Any thread.
class BlobFolder {
 public:
  /// Makes the folder and removes what a crash left half written.
  static base::Result<std::unique_ptr<BlobFolder>> open(std::filesystem::path folder);

  /// Durable when it returns, and safe from retain() until release() was called as often as put()
  /// for this key.
  base::Result<std::string> put(std::string_view bytes);
  /// Somebody else names the key now, so that retain() need not spare it any more.
  void release(const std::string& key);
  /// @error not_found; internal: the bytes are not the ones that were put.
  base::Result<std::string> get(const std::string& key) const;
  [[nodiscard]] std::filesystem::path path(const std::string& key) const;
  /// Removes all but those that `used` returns. It is called when no put() can come between.
  template <class F>
  base::Result<void> retain(F used) {
    std::lock_guard lock(mutex_);
    OPALINE_TRY(const std::set<std::string> keys, used());
    return remove_others(keys);
  }
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  explicit BlobFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}
  base::Result<void> write(const std::string& key, std::string_view bytes);
  base::Result<void> remove_others(const std::set<std::string>& keys);

  std::filesystem::path folder_;
  std::mutex mutex_;
  std::map<std::string, int> fresh_;  // Put, and not released yet: how often.
};

}  // namespace opaline::store
