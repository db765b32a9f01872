#include "flow/describe.hpp"

#include <fmt/format.h>

#include "flow/graph_tree.hpp"

namespace opaline::flow {
namespace {

/// An IPv6 address in the brackets that a URL wants.
std::string url_host(const std::string& host) {
  return host.contains(':') ? "[" + host + "]" : host;
}

std::string place(const ServiceSpec& service) {
  if (!service.url.empty()) return fmt::format("at {}{}", service.url, service.endpoint);
  if (service.kind == contract::ServiceKind::custom) return "registers itself";
  std::string text = service.runs_in_child() ? "built in, in a child process" : "built in";
  if (service.port) {
    text += fmt::format(", also at http://{}:{}{}", url_host(service.host), *service.port,
                        service.endpoint);
  }
  return text;
}

std::string kind_and_place(const ServiceSpec& service) {
  return fmt::format("{:<10} {}", contract::name(service.kind), place(service));
}

}  // namespace

std::string describe(const FlowSpec& spec) {
  std::string text = fmt::format("http://{}:{}{}\n", url_host(spec.host), spec.port, spec.endpoint);
  text +=
      tree(spec.graph, [&spec](Graph::Node node) { return kind_and_place(spec.services[node]); });
  if (spec.services.size() > spec.graph.size()) text += "beside the flow\n";
  for (std::size_t other = spec.graph.size(); other < spec.services.size(); ++other) {
    const ServiceSpec& service = spec.services[other];
    text += tree_line("  ", service.name, kind_and_place(service));
  }
  for (const std::string& note : spec.notes) text += "note: " + note + "\n";
  return text;
}

}  // namespace opaline::flow
