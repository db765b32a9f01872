#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/serialize.hpp>

#include "app/command.hpp"
#include "app/diagnosis.hpp"
#include "app/server_connection.hpp"
#include "app/terminal.hpp"

namespace opaline::app {
namespace {

namespace json = boost::json;

struct DoctorOptions {
  PlaceOptions places;
  ServerOptions server;
  bool as_json = false;
};

base::Task<int> look_at_server(std::shared_ptr<DoctorOptions> options, Finding* finding) {
  ServerConnection server(options->server);
  auto reply = co_await server.call("GET", "/readyz", "");
  finding->subject = "server";
  if (reply) {
    finding->message = server.url() + " is ready";
  } else if (reply.error().code == base::ErrorCode::unavailable) {
    finding->message = "none runs at " + server.url() + " (not needed for these checks)";
  } else {
    finding->state = Finding::State::warning;
    finding->message =
        fmt::format("{} answers, but is not ready: {}", server.url(), reply.error().message);
    finding->remedy = "Look at its log; wait if a model is loading.";
  }
  co_return kDone;
}

std::string_view sign(Finding::State state) {
  switch (state) {
    case Finding::State::good: return "✓";
    case Finding::State::warning: return "!";
    case Finding::State::bad: return "✗";
  }
  return "✗";
}

int doctor(const std::shared_ptr<DoctorOptions>& options) {
  std::vector<Finding> findings = diagnose_machine(options->places);
  Finding server;
  run_task(look_at_server(options, &server));
  findings.push_back(std::move(server));

  if (options->as_json) {
    json::array rows;
    for (const Finding& finding : findings) {
      rows.emplace_back(json::object{{"subject", finding.subject},
                                     {"state", name(finding.state)},
                                     {"message", finding.message},
                                     {"remedy", finding.remedy}});
    }
    fmt::print("{}\n", json::serialize(json::object{{"findings", rows}}));
  } else {
    for (const Finding& finding : findings) {
      fmt::print("{} {:<16} {}\n", sign(finding.state), finding.subject,
                 printable(finding.message));
      if (!finding.remedy.empty()) fmt::print("  {:<16} {}\n", "", bold("→ " + finding.remedy));
    }
  }
  const bool bad = std::ranges::any_of(
      findings, [](const Finding& one) { return one.state == Finding::State::bad; });
  return bad ? kFailed : kDone;
}

}  // namespace

void add_doctor(CLI::App& program, Action& action) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = program.add_subcommand(
      "doctor", "Say what is wrong with this machine or configuration, and the remedy");
  command->add_flag("--json", options->as_json, "Print JSON");
  options->places.add_to(*command);
  options->server.add_to(*command);
  command->footer("Exit code 1 when something must be mended before Opaline can work.");
  command->callback([&action, options] { action = [options] { return doctor(options); }; });
}

}  // namespace opaline::app
