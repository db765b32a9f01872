#include <CLI/CLI.hpp>

#include "app/command.hpp"
#include "services/dataprep/parser_child.hpp"

namespace opaline::app {

// Hidden: what ingestion runs, confined, for each document.
void add_parse(CLI::App& program, Action& action) {
  CLI::App* command =
      program.add_subcommand("parse", "Parse one document (used by ingestion)")->group("");
  command->callback([&action] { action = [] { return services::dataprep::parse_child_main(); }; });
}

}  // namespace opaline::app
