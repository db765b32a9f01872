#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "base/result.hpp"
#include "engine/known_models.hpp"
#include "engine/model_description.hpp"

namespace opaline::engine {

/// A model file in the library's folder, or one that `pull` would put there.
struct ModelEntry {
  enum class State {
    absent,    ///< Known, not pulled.
    verified,  ///< As it was when it was made: same size, and same SHA-256 if that was asked for.
    changed,   ///< Not what the manifest says: pull it again.
    foreign,   ///< A GGUF that was put there by someone else.
  };

  std::string name;    ///< "all-minilm-l6-v2-q8_0": what `resolve` takes.
  std::string model;   ///< "all-minilm-l6-v2"; empty when foreign.
  std::string role;    ///< "encoder", "generator" or empty.
  std::string format;  ///< "q8_0".
  std::string licence;
  std::string licence_url;
  std::filesystem::path file;
  std::uint64_t bytes = 0;  ///< 0 when absent.
  State state = State::absent;
  bool preferred = false;  ///< What the model's bare name stands for.
};

[[nodiscard]] std::string_view name(ModelEntry::State state);

struct PullProgress {
  enum class Step { waiting, downloading, unpacking, converting, finishing };

  Step step = Step::waiting;
  std::string what;               ///< The package or file at work.
  std::uint64_t bytes = 0;        ///< Downloaded so far, all packages together …
  std::uint64_t bytes_total = 0;  ///< … of so many.
};

struct PullOptions {
  std::function<void(const PullProgress&)> on_progress;  ///< On the caller's thread. May be empty.
  std::function<bool()> cancelled;  ///< Asked several times a second. May be empty.
};

struct ModelLibrarySettings {
  std::filesystem::path folder;
  std::string python = "python3";
  std::vector<KnownModel> models = known_models();
};

/// The folder of model files. A file NAME-FORMAT.gguf has a manifest NAME-FORMAT.json beside it
/// (its SHA-256, licence, source, date). Files appear whole or not at all; several processes may
/// pull at once: one works, the others wait. Any thread; `pull` blocks for minutes.
class ModelLibrary {
 public:
  enum class Check { sizes, digests };

  explicit ModelLibrary(std::filesystem::path folder)
      : ModelLibrary(ModelLibrarySettings{.folder = std::move(folder)}) {}
  explicit ModelLibrary(ModelLibrarySettings settings) : settings_(std::move(settings)) {}

  /// Known models first, in their order, then foreign files by name.
  [[nodiscard]] std::vector<ModelEntry> list(Check check = Check::sizes) const;

  /// Makes all formats of the known model `name` ("all-minilm-l6-v2") be there; at once if they are
  /// and their digests are right. What was downloaded before a failure is kept for the next
  /// attempt.
  /// @return the model's entries. @error not_found: no such known model (names those there are);
  /// failed_precondition: no Python or pip; unavailable: no network, or the folder cannot be
  /// written; resource_exhausted: not enough disk; invalid_argument: a checksum is wrong;
  /// cancelled.
  [[nodiscard]] base::Result<std::vector<ModelEntry>> pull(std::string_view name,
                                                           const PullOptions& options = {}) const;

  /// The file of a model by name ("all-minilm-l6-v2", "all-minilm-l6-v2-f16"), by file name, or by
  /// path.
  /// @error not_found: with the command that gets it, or the names there are.
  [[nodiscard]] base::Result<std::filesystem::path> resolve(std::string_view name_or_path) const;

  /// inspect_model() of what resolve() gives.
  [[nodiscard]] base::Result<ModelDescription> inspect(std::string_view name_or_path) const;

  [[nodiscard]] const std::filesystem::path& folder() const OPALINE_LIFETIME_BOUND {
    return settings_.folder;
  }

 private:
  [[nodiscard]] const KnownModel* find_known(std::string_view name) const;
  [[nodiscard]] std::vector<ModelEntry> entries_of(const KnownModel& model, Check check) const;
  [[nodiscard]] std::string known_names() const;

  ModelLibrarySettings settings_;
};

}  // namespace opaline::engine
