#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>

#include "app/command.hpp"
#include "app/reachability.hpp"
#include "app/served_flow.hpp"
#include "app/terminal.hpp"
#include "flow/any_flow.hpp"
#include "flow/describe.hpp"
#include "flow/describe_steps.hpp"

namespace opaline::app {
namespace {

namespace json = boost::json;

enum class Form { tree, json };

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
  return {{"ok", true},        {"host", spec.host},
          {"port", spec.port}, {"endpoint", spec.endpoint},
          {"steps", steps},    {"notes", json::array(spec.notes.begin(), spec.notes.end())}};
}

json::object as_json(const flow::StepFlow& flow) {
  json::array steps;
  for (const flow::StepSpec& step : flow.steps) {
    json::object one{{"name", step.name}};
    if (step.service) {
      const flow::ServiceSpec& service = flow.services[*step.service];
      one["uses"] = service.name;
      one["kind"] = contract::name(service.kind);
      if (!service.url.empty()) one["url"] = service.url + service.endpoint;
    }
    if (step.sub_flow) one["uses"] = flow.flows[*step.sub_flow].file;
    json::array needs;
    for (const auto before : flow.graph.predecessors(steps.size()))
      needs.emplace_back(flow.graph.name(before));
    one["needs"] = std::move(needs);
    one["called"] = step.called;
    if (step.when) one["when"] = step.when->text();
    json::array arms;
    for (const flow::SwitchArm& arm : step.arms) {
      arms.push_back({{"when", arm.when ? json::value(arm.when->text()) : json::value()},
                      {"then", flow.graph.name(arm.then)}});
    }
    if (!arms.empty()) one["switch"] = std::move(arms);
    steps.emplace_back(std::move(one));
  }
  return {{"ok", true},
          {"flow", flow.name},
          {"host", flow.host},
          {"port", flow.port},
          {"steps", steps},
          {"endpoint", flow.endpoint},
          {"notes", json::array(flow.notes.begin(), flow.notes.end())}};
}

void print(const auto& flow, Form form) {
  switch (form) {
    case Form::tree:
      fmt::print("The flow is well formed.\n\n{}", printable(flow::describe(flow)));
      break;
    case Form::json: fmt::print("{}\n", json::serialize(as_json(flow))); break;
  }
}

}  // namespace

void add_check(CLI::App& program, Action& action) {
  auto file = std::make_shared<std::string>();
  auto form = std::make_shared<Form>(Form::tree);
  CLI::App* command = program.add_subcommand(
      "check", "Check a flow file and explain it, without starting anything");
  command->add_option("flow", *file, "The flow file (YAML)")->required();
  command->add_flag_callback("--json", [form] { *form = Form::json; }, "Print JSON");
  auto connect = std::make_shared<bool>(false);
  command->add_flag("--connect", *connect,
                    "Also ask each service that runs elsewhere, and MCP servers for their tools");
  command->callback([&action, file, form, connect] {
    action = [file, form, connect] {
      const auto spec = flow::load_any_flow(*file);
      if (!spec) {
        if (*form == Form::json) {
          fmt::print("{}\n",
                     json::serialize(json::object{{"ok", false}, {"error", spec.error().message}}));
          return kFailed;
        }
        fmt::print(stderr, "{}\n", printable(spec.error().message));
        return kFailed;
      }
      if (*connect) {
        const auto unreachable = unreachable_services(served_part(*spec));
        for (const std::string& one : unreachable) fmt::print(stderr, "{}\n", printable(one));
        if (!unreachable.empty()) return kFailed;
      }
      std::visit([form](const auto& flow) { print(flow, *form); }, *spec);
      return kDone;
    };
  });
}

}  // namespace opaline::app
