#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/known_models.hpp"
#include "engine/model_library.hpp"

namespace opaline::engine {

/// NAME-FORMAT, the stem of the model's files.
[[nodiscard]] std::string file_stem(const KnownModel& model, const std::string& format);

/// The lock that one puller of a model holds; the others wait for it. Released when it dies, or
/// with its process.
class PullLock {
 public:
  /// Waits, asking `options` whether to go on. @error cancelled; unavailable: the folder cannot be
  /// written.
  [[nodiscard]] static base::Result<PullLock> acquire(const std::filesystem::path& file,
                                                      const std::string& name,
                                                      const PullOptions& options);
  PullLock(PullLock&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  PullLock& operator=(PullLock&&) = delete;
  ~PullLock();

 private:
  explicit PullLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

/// Downloads, converts and puts in place the `formats` of `model`. To be called with its lock held.
/// `staging` is a folder of its own for what is on its way. @error as ModelLibrary::pull.
[[nodiscard]] base::Result<void> make_model(const KnownModel& model,
                                            const std::vector<std::string>& formats,
                                            const ModelLibrarySettings& settings,
                                            const std::filesystem::path& staging,
                                            const PullOptions& options);

}  // namespace opaline::engine
