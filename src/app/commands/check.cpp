#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>

#include "app/command.hpp"
#include "app/terminal.hpp"
#include "flow/flow_file.hpp"

namespace opaline::app {
namespace {

namespace json = boost::json;

std::string place(const flow::ServiceSpec& service) {
  if (!service.url.empty()) return "at " + service.url + service.endpoint;
  if (service.port)
    return fmt::format("built in, also on port {}{}", *service.port, service.endpoint);
  return "built in";
}

void print(const flow::FlowSpec& spec) {
  fmt::print("The flow is well formed.\n\nGateway   http://{}:{}{}\n\n", spec.host, spec.port,
             spec.endpoint);
  for (std::size_t node = 0; node < spec.graph.size(); ++node) {
    std::string needs;
    for (const auto before : spec.graph.predecessors(node)) {
      needs += (needs.empty() ? "after " : ", ") + spec.graph.name(before);
    }
    fmt::print("  {:<14} {:<10} {:<44} {}\n", bold(spec.graph.name(node)),
               contract::name(spec.services[node].kind), place(spec.services[node]),
               dim(needs.empty() ? "starts at once" : needs));
  }
}

json::object as_json(const flow::FlowSpec& spec) {
  json::array steps;
  for (std::size_t node = 0; node < spec.graph.size(); ++node) {
    json::array needs;
    for (const auto before : spec.graph.predecessors(node))
      needs.emplace_back(spec.graph.name(before));
    const flow::ServiceSpec& service = spec.services[node];
    json::object step{
        {"name", spec.graph.name(node)}, {"kind", contract::name(service.kind)}, {"needs", needs}};
    if (!service.url.empty()) step["url"] = service.url;
    if (service.port) step["port"] = *service.port;
    steps.emplace_back(std::move(step));
  }
  return {{"ok", true},
          {"host", spec.host},
          {"port", spec.port},
          {"endpoint", spec.endpoint},
          {"steps", steps}};
}

}  // namespace

void add_check(CLI::App& program, Action& action) {
  auto file = std::make_shared<std::string>();
  auto machine = std::make_shared<bool>(false);
  CLI::App* command = program.add_subcommand(
      "check", "Check a flow file and explain it, without starting anything");
  command->add_option("flow", *file, "The flow file (YAML)")->required();
  command->add_flag("--json", *machine, "Print JSON");
  command->callback([&action, file, machine] {
    action = [file, machine] {
      const auto spec = flow::load_flow(*file);
      if (!spec) {
        if (*machine) {
          fmt::print("{}\n",
                     json::serialize(json::object{{"ok", false}, {"error", spec.error().message}}));
          return kFailed;
        }
        fmt::print(stderr, "{}\n", printable(spec.error().message));
        return kFailed;
      }
      if (*machine) {
        fmt::print("{}\n", json::serialize(as_json(*spec)));
      } else {
        print(*spec);
      }
      return kDone;
    };
  });
}

}  // namespace opaline::app
