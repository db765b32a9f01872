#include "flow/describe.hpp"

#include <fmt/format.h>

#include <vector>

#include "base/utf8.hpp"

namespace opaline::flow {
namespace {

/// An IPv6 address in the brackets that a URL wants.
std::string url_host(const std::string& host) {
  return host.contains(':') ? "[" + host + "]" : host;
}

std::string place(const ServiceSpec& service) {
  if (!service.url.empty()) return fmt::format("at {}{}", service.url, service.endpoint);
  if (service.kind == contract::ServiceKind::custom) return "registers itself";
  const auto run = service.options.find("run");
  std::string text = run == service.options.end() || run->second == "here"
                         ? "built in"
                         : "built in, in a child process";
  if (service.port) {
    text += fmt::format(", also at http://{}:{}{}", url_host(service.host), *service.port,
                        service.endpoint);
  }
  return text;
}

class TreeWriter {
 public:
  explicit TreeWriter(const FlowSpec& spec) : spec_(spec), written_(spec.graph.size(), false) {}

  std::string write() {
    const Graph& graph = spec_.graph;
    text_ = fmt::format("http://{}:{}{}\n", url_host(spec_.host), spec_.port, spec_.endpoint);
    std::vector<Graph::Node> roots;
    for (Graph::Node node = 0; node < graph.size(); ++node) {
      if (graph.predecessors(node).empty()) roots.push_back(node);
    }
    write_below(roots, "");
    if (spec_.services.size() > graph.size()) text_ += "beside the flow\n";
    for (std::size_t other = graph.size(); other < spec_.services.size(); ++other) {
      write_service("  ", spec_.services[other]);
    }
    for (const std::string& note : spec_.notes) text_ += "note: " + note + "\n";
    return std::move(text_);
  }

 private:
  void write_below(const std::vector<Graph::Node>& nodes, const std::string& indent) {
    for (const Graph::Node node : nodes) {
      const bool last = node == nodes.back();
      const std::string branch = indent + (last ? "└─ " : "├─ ");
      if (written_[node]) {
        text_ += branch + spec_.graph.name(node) + " (above)\n";
        continue;
      }
      written_[node] = true;
      write_service(branch, spec_.services[node]);
      write_below(spec_.graph.successors(node), indent + (last ? "   " : "│  "));
    }
  }

  void write_service(const std::string& before, const ServiceSpec& service) {
    constexpr std::size_t kColumn = 28;
    std::string line = before + service.name;
    const std::size_t width = base::utf8_length(line);
    line.append(width < kColumn ? kColumn - width : 1, ' ');
    text_ += fmt::format("{}{:<10} {}\n", line, contract::name(service.kind), place(service));
  }

  const FlowSpec& spec_;
  std::vector<bool> written_;
  std::string text_;
};

}  // namespace

std::string describe(const FlowSpec& spec) { return TreeWriter(spec).write(); }

}  // namespace opaline::flow
