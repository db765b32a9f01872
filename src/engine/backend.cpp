#include "engine/backend.hpp"

#include <ggml-backend.h>
#include <llama.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "engine/backend_probe.hpp"
#include "engine/engine_log.hpp"

namespace opaline::engine {
namespace {

using Path = std::filesystem::path;

constexpr std::string_view kModulePrefix = "libggml-cpu-";
constexpr auto kProbeTime = std::chrono::seconds(10);

// Best first, as ggml scores them by the instructions they use (AMX > VNNI > BF16 > VBMI > AVX-512
// > AVX-VNNI > AVX2 …).
constexpr std::array<std::string_view, 7> kLevels = {
    "sapphirerapids", "zen4", "icelake", "cascadelake", "alderlake", "haswell", "x64"};

struct Module {
  std::string level;
  Path file;
};

std::vector<Path> module_folders() {
  std::vector<Path> folders;
  std::error_code error;
  const Path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    const Path folder = program.parent_path();
    folders = {folder, folder / "lib",
               folder.parent_path() / "lib/opaline"};  // The last: installed.
  }
  folders.emplace_back(OPALINE_LLAMA_LIBRARIES);
  return folders;
}

std::vector<Module> modules_in(const Path& folder) {
  std::vector<Module> modules;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string stem = entry.path().stem().string();
    if (entry.path().extension() != ".so" || !stem.starts_with(kModulePrefix)) continue;
    modules.push_back({stem.substr(kModulePrefix.size()), entry.path()});
  }
  const auto rank = [](const Module& module) {
    return std::pair(std::ranges::find(kLevels, module.level) - kLevels.begin(), module.level);
  };
  std::ranges::sort(modules, {}, rank);
  return modules;
}

/// Of the first folder that has any.
std::vector<Module> find_modules() {
  for (const Path& folder : module_folders()) {
    if (std::vector<Module> modules = modules_in(folder); !modules.empty()) return modules;
  }
  return {};
}

base::Result<Module> choose_module(const std::vector<Module>& modules, const std::string& level) {
  std::string reasons;
  for (const Module& module : modules) {
    if (!level.empty() && module.level != level) continue;
    const std::string reason = probe_backend(module.file, kProbeTime);
    if (reason.empty()) return module;
    base::log(base::LogLevel::debug, "backend_level_passed_over",
              {{"level", module.level}, {"reason", reason}});
    reasons += (reasons.empty() ? "" : "; ") + module.level + ": " + reason;
  }
  const std::string folder = modules.front().file.parent_path().string();
  if (reasons.empty()) {
    return base::fail(
        base::ErrorCode::failed_precondition,
        "there is no inference module for the CPU level '" + level + "' in " + folder);
  }
  return base::fail(base::ErrorCode::failed_precondition,
                    "no inference module in " + folder + " runs on this machine (" + reasons + ")");
}

}  // namespace

base::Result<std::unique_ptr<Backend>> Backend::create(std::string level) {
  route_engine_log();
  const std::vector<Module> modules = find_modules();
  if (modules.empty()) {
    std::string folders;
    for (const Path& folder : module_folders())
      folders += (folders.empty() ? "" : ", ") + folder.string();
    return base::fail(base::ErrorCode::failed_precondition,
                      "no inference module (" + std::string(kModulePrefix) + "*.so) found in " +
                          folders + ": keep the program's lib folder beside it");
  }
  OPALINE_TRY(Module module, choose_module(modules, level));
  if (ggml_backend_load(module.file.c_str()) == nullptr) {
    return base::fail(base::ErrorCode::failed_precondition,
                      "cannot load the inference module " + module.file.string());
  }
  llama_backend_init();
  base::log(base::LogLevel::info, "backend_ready", {{"level", module.level}});
  return std::unique_ptr<Backend>(new Backend(std::move(module.level)));
}

Backend::Backend(std::string level) : level_(std::move(level)) {}

Backend::~Backend() {
  llama_backend_free();
  while (ggml_backend_reg_count() > 0) ggml_backend_unload(ggml_backend_reg_get(0));
}

std::vector<std::string> Backend::available_levels() {
  std::vector<std::string> levels;
  for (Module& module : find_modules()) levels.push_back(std::move(module.level));
  return levels;
}

}  // namespace opaline::engine
