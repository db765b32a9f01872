#include "app/diagnosis.hpp"

#include <fmt/format.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include "app/terminal.hpp"
#include "engine/backend.hpp"
#include "engine/model_library.hpp"

namespace opaline::app {
namespace {

namespace fs = std::filesystem;
using State = Finding::State;

constexpr std::uint64_t kGiB = 1024UL * 1024 * 1024;

Finding look_at_processor() {
  const auto backend = engine::Backend::create();
  const unsigned cores = std::thread::hardware_concurrency();
  if (!backend)
    return {State::bad, "CPU", backend.error().message,
            "Build again: ./run, or put the libraries beside the program."};
  return {State::good, "CPU",
          fmt::format("{} cores; inference runs at level '{}'", cores, (*backend)->level()), ""};
}

Finding look_at_memory() {
  struct ::sysinfo system{};
  ::sysinfo(&system);
  const std::uint64_t total = static_cast<std::uint64_t>(system.totalram) * system.mem_unit;
  const std::string seen = readable_bytes(total) + " of memory";
  if (total < 2 * kGiB)
    return {State::warning, "memory", seen, "Large documents may not fit; 2 GiB is comfortable."};
  return {State::good, "memory", seen, ""};
}

/// The folder itself, or the nearest one above it that exists.
fs::path existing(fs::path folder) {
  std::error_code error;
  folder = fs::absolute(folder, error);
  while (!fs::exists(folder, error) && folder.has_parent_path() && folder != folder.parent_path())
    folder = folder.parent_path();
  return folder;
}

Finding look_at_folder(const fs::path& folder) {
  std::error_code error;
  const fs::path place = existing(folder);
  if (fs::exists(folder, error) && !fs::is_directory(folder, error)) {
    return {State::bad, "data folder", folder.string() + " is not a folder",
            "Name another with --data."};
  }
  if (::access(place.c_str(), W_OK) != 0) {
    return {State::bad, "data folder", place.string() + " cannot be written",
            "Name another with --data, or change its owner."};
  }
  const fs::space_info space = fs::space(place, error);
  const std::string seen =
      fmt::format("{}, {} free", folder.string(), readable_bytes(space.available));
  if (!error && space.available < kGiB)
    return {State::warning, "data folder", seen, "Free some space: less than 1 GiB is left."};
  return {State::good, "data folder", seen, ""};
}

std::vector<Finding> look_at_models(const fs::path& folder) {
  std::vector<Finding> findings;
  const engine::ModelLibrary library(folder);
  for (const auto& [model, use, needed] : {std::tuple{"all-minilm-l6-v2", "embedding", true},
                                           std::tuple{"gemma-3-270m", "language", false}}) {
    const std::string subject = std::string(use) + " model";
    const auto described = library.inspect(model);
    if (described) {
      findings.push_back({State::good, subject,
                          fmt::format("{} ({})", described->file.string(), described->quantisation),
                          ""});
    } else {
      findings.push_back(
          {needed ? State::bad : State::warning, subject, described.error().message,
           fmt::format("opaline models pull {}{}", model,
                       needed ? "" : " (only needed to let a model write answers)")});
    }
  }
  return findings;
}

bool on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((fs::path(folder) / program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

Finding look_for(const std::string& program, const std::string& use, const std::string& remedy) {
  if (on_path(program)) return {State::good, program, "is there (" + use + ")", ""};
  return {State::warning, program, "is not installed (" + use + ")", remedy};
}

}  // namespace

std::string_view name(Finding::State state) {
  switch (state) {
    case State::good: return "good";
    case State::warning: return "warning";
    case State::bad: return "bad";
  }
  return "bad";
}

std::vector<Finding> diagnose_machine(const PlaceOptions& places) {
  std::vector<Finding> findings = {look_at_processor(), look_at_memory(),
                                   look_at_folder(places.data_folder())};
  for (Finding& finding : look_at_models(places.model_folder()))
    findings.push_back(std::move(finding));
  findings.push_back(look_for("pdftotext", "reads PDF documents", "apt-get install poppler-utils"));
  findings.push_back(look_for("python3", "fetches models", "apt-get install python3 python3-pip"));
  return findings;
}

}  // namespace opaline::app
