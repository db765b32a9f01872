#include "engine/model_library.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/digest.hpp"
#include "engine/model_manifest.hpp"
#include "engine/model_pull.hpp"

namespace opaline::engine {
namespace {

using Path = std::filesystem::path;
using State = ModelEntry::State;

/// Files on their way, wheels and locks: hidden, so that a listing of the folder shows models only.
Path staging_of(const Path& folder, const KnownModel& model) {
  return folder / ".pull" / model.name;
}

State state_of(const Path& file, const Path& manifest_file, std::uint64_t bytes,
               ModelLibrary::Check check) {
  const auto manifest = read_manifest(manifest_file);
  if (!manifest || manifest->bytes != bytes) return State::changed;
  if (check == ModelLibrary::Check::sizes) return State::verified;
  const auto digest = base::sha256_file_hex(file);
  return digest && *digest == manifest->sha256 ? State::verified : State::changed;
}

bool is_path(std::string_view text) { return text.contains('/') || text.ends_with(".gguf"); }

}  // namespace

std::string_view name(State state) {
  switch (state) {
    case State::absent: return "absent";
    case State::verified: return "verified";
    case State::changed: return "changed";
    case State::foreign: return "foreign";
  }
  return {};
}

const KnownModel* ModelLibrary::find_known(std::string_view name) const {
  const auto found = std::ranges::find(settings_.models, name, &KnownModel::name);
  return found == settings_.models.end() ? nullptr : &*found;
}

std::string ModelLibrary::known_names() const {
  std::string names;
  for (const KnownModel& model : settings_.models)
    names += (names.empty() ? "" : ", ") + model.name;
  return names;
}

std::vector<ModelEntry> ModelLibrary::entries_of(const KnownModel& model, Check check) const {
  std::vector<ModelEntry> entries;
  for (const std::string& format : model.formats) {
    const std::string stem = file_stem(model, format);
    ModelEntry entry{.name = stem,
                     .model = model.name,
                     .role = std::string(engine::name(model.role)),
                     .format = format,
                     .licence = model.licence,
                     .licence_url = model.licence_url,
                     .file = settings_.folder / (stem + ".gguf"),
                     .bytes = 0,
                     .state = State::absent,
                     .preferred = format == model.formats.front()};
    std::error_code error;
    const auto bytes = std::filesystem::file_size(entry.file, error);
    if (!error) {
      entry.bytes = bytes;
      entry.state = state_of(entry.file, settings_.folder / (stem + ".json"), bytes, check);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<ModelEntry> ModelLibrary::list(Check check) const {
  std::vector<ModelEntry> entries;
  for (const KnownModel& model : settings_.models) {
    for (ModelEntry& entry : entries_of(model, check)) entries.push_back(std::move(entry));
  }
  const auto known = static_cast<std::ptrdiff_t>(entries.size());
  std::error_code error;
  for (const auto& found : std::filesystem::directory_iterator(settings_.folder, error)) {
    const Path& file = found.path();
    if (file.extension() != ".gguf" || !found.is_regular_file(error)) continue;
    if (std::ranges::find(entries, file, &ModelEntry::file) != entries.end()) continue;
    ModelEntry entry{.name = file.stem().string(),
                     .file = file,
                     .bytes = found.file_size(error),
                     .state = State::foreign};
    if (const auto description = inspect_model(file)) {
      using Kind = ModelDescription::Kind;
      if (description->kind != Kind::other)
        entry.role = description->kind == Kind::encoder ? "encoder" : "generator";
      entry.format = description->quantisation;
      entry.licence = description->licence;
    } else {
      entry.state = State::changed;  // Not a sound model: nothing could load it.
    }
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin() + known, entries.end(),
            [](const ModelEntry& a, const ModelEntry& b) { return a.name < b.name; });
  return entries;
}

base::Result<std::vector<ModelEntry>> ModelLibrary::pull(std::string_view name,
                                                         const PullOptions& options) const {
  const KnownModel* model = find_known(name);
  if (model == nullptr) {
    return base::fail(base::ErrorCode::not_found,
                      "no model '" + std::string(name) + "' is known; there are: " + known_names());
  }
  const auto missing = [&] {
    std::vector<std::string> formats;
    for (const ModelEntry& entry : entries_of(*model, Check::digests)) {
      if (entry.state != State::verified) formats.push_back(entry.format);
    }
    return formats;
  };
  if (missing().empty()) return entries_of(*model, Check::sizes);

  const Path staging = staging_of(settings_.folder, *model);
  std::error_code error;
  std::filesystem::create_directories(staging, error);
  if (error) {
    return base::fail(base::ErrorCode::unavailable,
                      "cannot write to " + settings_.folder.string() + ": " + error.message());
  }
  OPALINE_TRY(const PullLock lock,
              PullLock::acquire(settings_.folder / ".pull" / (model->name + ".lock"), model->name,
                                options));
  // Another process may have made them while we waited.
  const std::vector<std::string> formats = missing();
  if (!formats.empty()) {
    std::filesystem::create_directories(staging, error);  // The one before us removed it.
    OPALINE_TRY_DO(make_model(*model, formats, settings_, staging, options));
    std::filesystem::remove_all(staging, error);
  }
  return entries_of(*model, Check::sizes);
}

base::Result<Path> ModelLibrary::resolve(std::string_view name_or_path) const {
  std::error_code error;
  const std::string wanted(name_or_path);
  if (wanted.empty()) return base::fail(base::ErrorCode::not_found, "no model is named");
  if (is_path(wanted)) {
    for (const Path& candidate : {Path(wanted), settings_.folder / wanted}) {
      if (std::filesystem::is_regular_file(candidate, error)) return candidate;
    }
    return base::fail(base::ErrorCode::not_found, "there is no model file " + wanted);
  }
  for (const KnownModel& model : settings_.models) {
    for (const std::string& format : model.formats) {
      if (wanted != file_stem(model, format) &&
          (wanted != model.name || format != model.formats.front()))
        continue;
      const Path file = settings_.folder / (file_stem(model, format) + ".gguf");
      if (std::filesystem::is_regular_file(file, error)) return file;
      return base::fail(base::ErrorCode::not_found,
                        "model " + wanted + " is not in " + settings_.folder.string() +
                            ". Get it: opaline models pull " + model.name);
    }
  }
  const Path file = settings_.folder / (wanted + ".gguf");
  if (std::filesystem::is_regular_file(file, error)) return file;
  return base::fail(base::ErrorCode::not_found,
                    "no model '" + wanted + "' in " + settings_.folder.string() + "; known are: " +
                        known_names() + " (opaline models pull NAME), or give a path");
}

base::Result<ModelDescription> ModelLibrary::inspect(std::string_view name_or_path) const {
  OPALINE_TRY(const Path file, resolve(name_or_path));
  return inspect_model(file);
}

}  // namespace opaline::engine
