#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "app/command.hpp"
#include "app/terminal.hpp"
#include "flow/any_flow.hpp"
#include "flow/describe.hpp"
#include "flow/describe_steps.hpp"
#include "flow/drawing.hpp"

namespace opaline::app {
namespace {

enum class Form { text, mermaid, dot };

std::string drawn(const auto& flow, Form form) {
  switch (form) {
    case Form::text: return printable(flow::describe(flow));
    case Form::mermaid: return flow::mermaid(flow::draw(flow));
    case Form::dot: return flow::dot(flow::draw(flow));
  }
  return {};
}

}  // namespace

void add_graph(CLI::App& program, Action& action) {
  auto file = std::make_shared<std::string>();
  auto form = std::make_shared<Form>(Form::text);
  CLI::App* command = program.add_subcommand("graph", "Draw a flow file");
  command->add_option("flow", *file, "The flow file (YAML; default: the built-in ChatQnA)");
  static const std::map<std::string, Form> kForms = {
      {"text", Form::text}, {"mermaid", Form::mermaid}, {"dot", Form::dot}};
  command
      ->add_option_function<std::string>(
          "--format", [form](const std::string& name) { *form = kForms.at(name); },
          "text (for the terminal), mermaid (for documents) or dot (for Graphviz: opaline graph F "
          "--format dot | dot -Tsvg)")
      ->check(CLI::IsMember({"text", "mermaid", "dot"}))
      ->default_str("text");
  command->callback([&action, file, form] {
    action = [file, form] {
      flow::AnyFlow flow = flow::built_in_flow();
      if (!file->empty()) {
        auto loaded = flow::load_any_flow(*file);
        if (!loaded) return failed(loaded.error());
        flow = *std::move(loaded);
      }
      fmt::print("{}", std::visit([form](const auto& one) { return drawn(one, *form); }, flow));
      return kDone;
    };
  });
}

}  // namespace opaline::app
