#include "flow/drawing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace opaline::flow {
namespace {

/// Between double quotes of Mermaid, which knows no backslash.
std::string mermaid_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"') {
      escaped += "#quot;";
    } else if (c == '#') {
      escaped += "#35;";
    } else {
      escaped += c == '\n' ? ' ' : c;
    }
  }
  return escaped;
}

/// Between double quotes of Graphviz.
std::string dot_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

}  // namespace

Drawing draw(const FlowSpec& flow) {
  Drawing drawing;
  for (Graph::Node node = 0; node < flow.graph.size(); ++node) {
    drawing.boxes.push_back({.name = flow.graph.name(node)});
    for (const Graph::Node next : flow.graph.successors(node)) {
      drawing.arrows.push_back({.from = node, .to = next, .label = {}});
    }
  }
  return drawing;
}

Drawing draw(const StepFlow& flow) {
  Drawing drawing;
  for (Graph::Node node = 0; node < flow.graph.size(); ++node) {
    const StepSpec& step = flow.steps[node];
    drawing.boxes.push_back({.name = step.name, .chooses = !step.arms.empty()});
    for (const SwitchArm& arm : step.arms) {
      drawing.arrows.push_back({.from = node,
                                .to = arm.then,
                                .label = arm.when ? arm.when->text() : std::string("else")});
    }
    for (const Graph::Node next : flow.graph.successors(node)) {
      if (std::ranges::find(step.arms, next, &SwitchArm::then) != step.arms.end()) continue;
      const bool on_error = step.error_step == next;
      drawing.arrows.push_back(
          {.from = node, .to = next, .label = on_error ? "on error" : "", .on_error = on_error});
    }
  }
  return drawing;
}

// In both languages numbers are the ids: a name may be a word of theirs, such as "end".

std::string mermaid(const Drawing& drawing) {
  std::string text = "flowchart LR\n";
  for (std::size_t i = 0; i < drawing.boxes.size(); ++i) {
    const Drawing::Box& box = drawing.boxes[i];
    text += fmt::format("  s{}{}\"{}\"{}\n", i, box.chooses ? "{" : "[", mermaid_text(box.name),
                        box.chooses ? "}" : "]");
  }
  for (const Drawing::Arrow& arrow : drawing.arrows) {
    const std::string label =
        arrow.label.empty() ? "" : fmt::format("|\"{}\"|", mermaid_text(arrow.label));
    text += fmt::format("  s{} {}{} s{}\n", arrow.from, arrow.on_error ? "-.->" : "-->", label,
                        arrow.to);
  }
  return text;
}

std::string dot(const Drawing& drawing) {
  std::string text = "digraph flow {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n";
  for (std::size_t i = 0; i < drawing.boxes.size(); ++i) {
    const Drawing::Box& box = drawing.boxes[i];
    text += fmt::format("  s{} [label=\"{}\"{}];\n", i, dot_text(box.name),
                        box.chooses ? ", shape=diamond, style=solid" : "");
  }
  for (const Drawing::Arrow& arrow : drawing.arrows) {
    std::string shape;
    if (!arrow.label.empty()) shape = fmt::format("label=\"{}\"", dot_text(arrow.label));
    if (arrow.on_error) shape += shape.empty() ? "style=dashed" : ", style=dashed";
    text += fmt::format("  s{} -> s{}{};\n", arrow.from, arrow.to,
                        shape.empty() ? "" : " [" + shape + "]");
  }
  return text + "}\n";
}

}  // namespace opaline::flow
