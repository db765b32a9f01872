#include "flow/graph_tree.hpp"

#include <utility>
#include <vector>

#include "base/utf8.hpp"

namespace opaline::flow {
namespace {

class TreeWriter {
 public:
  TreeWriter(const Graph& graph, const std::function<std::string(Graph::Node)>& text)
      : graph_(graph), text_of_(text), written_(graph.size(), false) {}

  std::string write() {
    std::vector<Graph::Node> roots;
    for (Graph::Node node = 0; node < graph_.size(); ++node) {
      if (graph_.predecessors(node).empty()) roots.push_back(node);
    }
    write_below(roots, "");
    return std::move(text_);
  }

 private:
  void write_below(const std::vector<Graph::Node>& nodes, const std::string& indent) {
    for (const Graph::Node node : nodes) {
      const bool last = node == nodes.back();
      const std::string branch = indent + (last ? "└─ " : "├─ ");
      if (written_[node]) {
        text_ += branch + graph_.name(node) + " (above)\n";
        continue;
      }
      written_[node] = true;
      text_ += tree_line(branch, graph_.name(node), text_of_(node));
      write_below(graph_.successors(node), indent + (last ? "   " : "│  "));
    }
  }

  const Graph& graph_;
  const std::function<std::string(Graph::Node)>& text_of_;
  std::vector<bool> written_;
  std::string text_;
};

}  // namespace

std::string tree(const Graph& graph, const std::function<std::string(Graph::Node)>& text) {
  return TreeWriter(graph, text).write();
}

std::string tree_line(std::string before, const std::string& name, const std::string& text) {
  constexpr std::size_t kColumn = 28;
  std::string line = std::move(before) + name;
  const std::size_t width = base::utf8_length(line);
  line.append(width < kColumn ? kColumn - width : 1, ' ');
  return line + text + "\n";
}

}  // namespace opaline::flow
