#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "app/command.hpp"
#include "app/version.hpp"

namespace opaline::app {

void add_version(CLI::App& program, Action& action) {
  CLI::App* command = program.add_subcommand("version", "Print the version");
  auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "Print JSON");
  command->callback([&action, as_json] {
    action = [as_json] {
      fmt::print(fmt::runtime(*as_json ? "{{\"version\":\"{}\"}}\n" : "opaline {}\n"), kVersion);
      return kDone;
    };
  });
}

}  // namespace opaline::app
