#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>

#include "app/command.hpp"
#include "app/server_connection.hpp"
#include "app/terminal.hpp"

namespace opaline::app {
namespace {

namespace json = boost::json;

struct ServicesOptions {
  ServerOptions server;
  std::string name;
  bool as_json = false;
};

const json::array& items(const json::value& object, std::string_view key) {
  static const json::array kNone;
  const json::value* list = member_of(object, key);
  return list != nullptr && list->is_array() ? list->get_array() : kNone;
}

void print_instances(const json::value& service) {
  for (const json::value& one : items(service, "instances")) {
    const std::string reason = text_of(one, "reason");
    fmt::print("  {:<44} {:<9} {:>6} s left  {}\n", printable(text_of(one, "url")),
               text_of(one, "health"), static_cast<int>(number_of(one, "lease_left_seconds")),
               printable(reason.empty() ? text_of(one, "version") : reason));
  }
}

base::Task<int> list(std::shared_ptr<ServicesOptions> options) {
  ServerConnection server(options->server);
  auto steps = co_await server.call("GET", "/v1/list_service", "");
  if (!steps) co_return failed(steps.error());
  auto registered = co_await server.call("GET", "/v1/services", "");
  if (!registered) co_return failed(registered.error());
  if (options->as_json) {
    const json::object all{{"flow", *steps}, {"registered", items(*registered, "services")}};
    fmt::print("{}\n", json::serialize(all));
    co_return kDone;
  }
  fmt::print("{}\n", dim("of the flow"));
  for (const auto& [name, service] : steps->is_object() ? steps->get_object() : json::object()) {
    fmt::print("{:<24} {:<10} {}\n", printable(std::string(name)), text_of(service, "kind"),
               printable(text_of(service, "url", "built in, or registered below")));
  }
  fmt::print("{}\n", dim("registered"));
  if (items(*registered, "services").empty()) {
    fmt::print(
        "None. A service registers itself with PUT /v1/services/NAME; 'opaline new service "
        "NAME' writes one that does.\n");
  }
  for (const json::value& service : items(*registered, "services")) {
    fmt::print("{:<24} {}\n", bold(printable(text_of(service, "name"))),
               printable(text_of(service, "description")));
    print_instances(service);
  }
  co_return kDone;
}

/// A service of the flow that did not register itself.
void print_step(const std::string& name, const json::value& step) {
  fmt::print("{}  {}\n", bold(printable(name)), printable(text_of(step, "description")));
  for (const std::string_view key : {"kind", "url", "endpoint", "health", "reason", "version"}) {
    const std::string found = text_of(step, key);
    if (!found.empty()) fmt::print("  {:<14} {}\n", key, printable(found));
  }
}

void print_registered(const json::value& service) {
  fmt::print("{}  {}\n", bold(printable(text_of(service, "name"))),
             printable(text_of(service, "description")));
  print_instances(service);
  for (const std::string_view schema : {"input_schema", "output_schema"}) {
    const json::value* found = member_of(service, schema);
    if (found == nullptr || !found->is_object() || found->get_object().empty()) continue;
    fmt::print("  {:<14} {}\n", schema, printable(json::serialize(*found)));
  }
}

base::Task<int> show(std::shared_ptr<ServicesOptions> options) {
  ServerConnection server(options->server);
  auto service = co_await server.call("GET", "/v1/services/" + url_encoded(options->name), "");
  const bool registered = service.has_value();
  if (!registered && service.error().code == base::ErrorCode::not_found) {
    auto steps = co_await server.call("GET", "/v1/list_service", "");
    if (!steps) co_return failed(steps.error());
    const json::value* step = member_of(*steps, options->name);
    if (step != nullptr) service = *step;
  }
  if (!service) co_return failed(service.error());
  if (options->as_json) {
    fmt::print("{}\n", json::serialize(*service));
  } else if (registered) {
    print_registered(*service);
  } else {
    print_step(options->name, *service);
  }
  co_return kDone;
}

}  // namespace

void add_services(CLI::App& program, Action& action) {
  auto options = std::make_shared<ServicesOptions>();
  CLI::App* command = program.add_subcommand(
      "services", "List and show the services of a server, also those that registered themselves");
  command->require_subcommand(1);
  CLI::App* listing = command->add_subcommand("list", "List them");
  CLI::App* showing = command->add_subcommand("show", "Show one of them");
  showing->add_option("name", options->name, "Its name")->required();
  for (CLI::App* one : {listing, showing}) {
    one->add_flag("--json", options->as_json, "Print JSON");
    options->server.add_to(*one);
  }
  listing->callback([&action, options] { action = [options] { return run_task(list(options)); }; });
  showing->callback([&action, options] { action = [options] { return run_task(show(options)); }; });
}

}  // namespace opaline::app
