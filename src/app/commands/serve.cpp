#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "app/command.hpp"
#include "app/service_host.hpp"
#include "app/stop_signal.hpp"
#include "app/terminal.hpp"
#include "base/log.hpp"
#include "services/remote/child_process.hpp"

namespace opaline::app {
namespace {

int serve(const std::shared_ptr<ServeSettings>& settings) {
  services::ChildProcess::follow_parent();
  StopSignal stop;
  base::set_log_level(settings->listen.log_level);
  auto host = ServiceHost::create(*settings);
  if (!host) return failed(host.error());
  (*host)->start();
  fmt::print("The {} service listens on {}\n", settings->service, (*host)->url());
  std::fflush(stdout);
  stop.wait();
  (*host)->stop();
  return kDone;
}

}  // namespace

void add_serve(CLI::App& program, Action& action) {
  auto settings = std::make_shared<ServeSettings>();
  CLI::App* command = program.add_subcommand(
      "serve", "Run single services, for a flow on another machine or in another process");
  command
      ->add_option("service", settings->service,
                   "embedding (with reranking), reranking, llm, retrieval or dataprep (these two "
                   "run together)")
      ->required()
      ->check(CLI::IsMember({"embedding", "reranking", "llm", "retrieval", "dataprep"}));
  command->add_option("--model", settings->model,
                      "Model, by name or file (default: the one 'up' uses)");
  command->add_option("--socket", settings->socket, "Listen on this Unix socket instead of a port");
  settings->places.add_to(*command);
  settings->listen.add_to(*command);
  command->footer(
      "Default ports are OPEA's: embedding 6000, retrieval 7000, reranking 8000, llm 9000, "
      "dataprep 5000.");
  command->callback([&action, settings] { action = [settings] { return serve(settings); }; });
}

}  // namespace opaline::app
