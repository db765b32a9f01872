#include "app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <csignal>

#include "app/command.hpp"
#include "app/version.hpp"

namespace opaline::app {

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
  add_check(program, action);
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
