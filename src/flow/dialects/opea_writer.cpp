#include <optional>
#include <set>
#include <utility>

#include "flow/dialects/dialect_writers.hpp"
#include "flow/dialects/service_writer.hpp"
#include "flow/dialects/tree.hpp"

namespace opaline::flow {
namespace {

/// All edges, as few lines as following them gives, and a line for each step without any.
std::vector<YamlNode> lines_of(const Graph& graph, const std::vector<bool>& is_step) {
  std::set<std::pair<Graph::Node, Graph::Node>> open;
  std::vector<bool> alone = is_step;
  for (Graph::Node node = 0; node < graph.size(); ++node) {
    for (const Graph::Node next : graph.successors(node)) {
      if (!is_step[node] || !is_step[next]) continue;
      open.insert({node, next});
      alone[node] = alone[next] = false;
    }
  }
  std::vector<YamlNode> lines;
  for (Graph::Node node = 0; node < graph.size(); ++node) {
    if (alone[node]) lines.push_back(text_node(graph.name(node), 0));
  }
  const auto first_open = [&](Graph::Node node) -> std::optional<Graph::Node> {
    const auto edge = open.lower_bound({node, 0});
    if (edge == open.end() || edge->first != node) return {};
    return edge->second;
  };
  for (Graph::Node node = 0; node < graph.size(); ++node) {
    while (first_open(node)) {
      std::string line = graph.name(node);
      Graph::Node at = node;
      while (const auto next = first_open(at)) {
        open.erase({at, *next});
        line += " >> " + graph.name(*next);
        at = *next;
      }
      lines.push_back(text_node(line, 0));
    }
  }
  return lines;
}

}  // namespace

Written write_opea(const StepFlow& flow) {
  Written written;
  lose_frame(flow, written.losses);
  std::vector<bool> is_step(flow.graph.size());
  YamlNode services = mapping_node(0);
  for (Graph::Node node = 0; node < flow.graph.size(); ++node) {
    const StepSpec& step = flow.steps[node];
    const std::string named = "step '" + step.name + "'";
    if (!step.arms.empty()) {
      written.losses.push_back(named + ": 'switch'");
    } else if (step.sub_flow) {
      written.losses.push_back(named + ": the flow " + flow.flows[*step.sub_flow].file);
    } else if (!step.service) {
      written.losses.push_back(named + ": it computes");
    } else {
      is_step[node] = true;
      put(services, step.name, service_node(flow.services[*step.service]));
    }
    lose_extras(flow, node, written.losses);
  }
  // Those that no step uses are served all the same.
  for (const ServiceSpec& one : flow.services) {
    if (one.port && find_member(services, one.name) == nullptr) {
      put(services, one.name, service_node(one));
    }
  }
  YamlNode mega = mapping_node(0);
  if (flow.host != "127.0.0.1") put(mega, "host", flow.host);
  put(mega, "port", plain_node(std::to_string(flow.port), 0));
  put(mega, "endpoint", flow.endpoint);
  put(mega, "mega_flow", list_node(lines_of(flow.graph, is_step), 0));
  written.root = mapping_node(0);
  put(written.root, "opea_micro_services", std::move(services));
  put(written.root, "opea_mega_service", std::move(mega));
  return written;
}

}  // namespace opaline::flow
