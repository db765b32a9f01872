#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "app/command.hpp"
#include "app/embedded_files.hpp"
#include "app/terminal.hpp"

namespace opaline::app {
namespace {

namespace fs = std::filesystem;

/// The service that examples/services holds; its name is replaced by the user's.
constexpr std::string_view kTemplate = "shout";

struct NewOptions {
  std::string name;
  std::string language = "python";
  std::string folder;
};

bool is_name(std::string_view name) {
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto fits = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && name.size() <= 64 && letter(name.front()) &&
         std::ranges::all_of(name, fits);
}

std::string renamed(std::string_view text, std::string_view name) {
  std::string result;
  for (std::size_t at = 0;;) {
    const std::size_t found = text.find(kTemplate, at);
    result += text.substr(at, found - at);
    if (found == std::string_view::npos) return result;
    result += name;
    at = found + kTemplate.size();
  }
}

/// @return what went wrong, or "".
std::string write(const fs::path& file, const std::string& text) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out) return fmt::format("cannot write {}: {}", file.string(), std::strerror(errno));
  if (text.starts_with("#!")) {
    fs::permissions(file, fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec,
                    fs::perm_options::add, error);
  }
  return {};
}

int make_service(const NewOptions& options) {
  const auto refuse = [](const std::string& why) {
    fmt::print(stderr, "opaline: {}\n", why);
    return kFailed;
  };
  if (!is_name(options.name)) {
    return refuse("a name has small letters, digits and _, and begins with a letter: word_count");
  }
  const fs::path folder = options.folder.empty() ? options.name : options.folder;
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    return refuse(folder.string() + " exists and is not empty; choose another with --folder");
  }
  const std::string prefix = fmt::format("/{}/{}/", options.language, kTemplate);
  for (const EmbeddedFile& file : embedded_service_files()) {
    if (!file.path.starts_with(prefix)) continue;
    const std::string name = renamed(file.path.substr(prefix.size()), options.name);
    const std::string wrong = write(folder / name, renamed(file.text(), options.name));
    if (!wrong.empty()) return refuse(wrong);
    fmt::print("{}\n", (folder / name).string());
  }
  const bool python = options.language == "python";
  fmt::print("\nTry it:\n  cd {0}\n  {1}\n  opaline up flow.yaml &\n  {2}\n", folder.string(),
             python ? "python3 -m unittest" : "go test ./...",
             python ? "./" + options.name + ".py" : "go run .");
  fmt::print("Its work is the function 'answer'.\n");
  return kDone;
}

}  // namespace

void add_new(CLI::App& program, Action& action) {
  auto options = std::make_shared<NewOptions>();
  CLI::App* command =
      program.add_subcommand("new", "Write a service of your own to start from, with its test");
  command->require_subcommand(1);
  CLI::App* service = command->add_subcommand("service", "A service that registers itself");
  service->add_option("name", options->name, "Its name, e.g. word_count")->required();
  service->add_option("--language", options->language, "python or go")
      ->check(CLI::IsMember({"python", "go"}))
      ->capture_default_str();
  service->add_option("--folder", options->folder, "Where to write it; by default its name");
  service->callback([&action, options] { action = [options] { return make_service(*options); }; });
}

}  // namespace opaline::app
