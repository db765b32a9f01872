#include "app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <csignal>

#include "app/command.hpp"
#include "app/version.hpp"

namespace opaline::app {
namespace {

/// A configuration file is a flat list of the chosen command's options by their long names; CLI11
/// by itself would look for them among the program's own, find none, and say nothing.
class CommandConfig final : public CLI::ConfigTOML {
 public:
  explicit CommandConfig(const CLI::App& program) : program_(program) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> items = CLI::ConfigTOML::from_config(input);
    const CLI::App& command = *program_.get_subcommands().front();
    std::erase_if(items, [](const CLI::ConfigItem& item) {
      return item.name == "++" || item.name == "--";  // Begin and end of a section.
    });
    for (CLI::ConfigItem& item : items) {
      if (!item.parents.empty() || command.get_option_no_throw("--" + item.name) == nullptr) {
        throw CLI::ConfigError("The configuration file sets '" + item.fullname() +
                               "', which is no option of this command: see opaline " +
                               command.get_name() + " --help");
      }
      item.parents.push_back(command.get_name());
    }
    return items;
  }

 private:
  const CLI::App& program_;
};

}  // namespace

int run_command_line(int argc, char** argv) {
  // A peer that closes its end is an ordinary error of write(), not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App program(
      "Opaline answers questions from your own documents, on your own machine, with sources.\n"
      "\n"
      "  opaline up                     start the server and its console (http://127.0.0.1:8080)\n"
      "  opaline ingest ~/documents     let it read a folder\n"
      "  opaline ask \"How long …?\"      ask; sources are listed below the answer\n",
      "opaline");
  program.set_version_flag("--version", std::string(kVersion));
  program.require_subcommand(1);
  program.set_config("--config", "",
                     "Read options of the command from a TOML file; the command line wins");
  program.config_formatter(std::make_shared<CommandConfig>(program));
  program.footer(
      "Every command explains itself: opaline COMMAND --help. Exit codes: 0 done, 1 failed, 2 "
      "wrong usage.\n"
      "Environment: OPALINE_DATA (data folder), OPALINE_SERVER (URL), OPALINE_KEY (API key), "
      "OPALINE_MODELS (model folder).");

  Action action;
  add_up(program, action);
  add_serve(program, action);
  add_ingest(program, action);
  add_ask(program, action);
  add_search(program, action);
  add_documents(program, action);
  add_services(program, action);
  add_new(program, action);
  add_check(program, action);
  add_graph(program, action);
  add_flow(program, action);
  add_models(program, action);
  add_doctor(program, action);
  add_eval(program, action);
  add_version(program, action);
  add_parse(program, action);

  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? kDone : kMisused;
  }
  return action();
}

}  // namespace opaline::app
