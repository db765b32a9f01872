#include "flow/dialects/convert.hpp"

#include <optional>
#include <utility>

#include "base/assert.hpp"
#include "flow/any_flow.hpp"
#include "flow/dialects/dialect_writers.hpp"
#include "flow/dialects/service_writer.hpp"
#include "flow/dialects/tree.hpp"
#include "flow/dialects/yaml_writer.hpp"
#include "flow/step_flow_reader.hpp"

namespace opaline::flow {
namespace {

Written written(const StepFlow& flow, Dialect to) {
  switch (to) {
    case Dialect::opaline: break;
    case Dialect::opea: return write_opea(flow);
    case Dialect::gmc: return write_gmc(flow);
    case Dialect::exporter: return write_exporter(flow);
    case Dialect::studio: return write_studio(flow);
  }
  OPALINE_ASSERT(false);
}

/// On one line, whatever the names in it: nothing of it may become a key.
void add_comment(std::string& text, std::string line) {
  // NEL, LS and PS, which end a line for some readers of YAML.
  for (const std::string_view end : {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"}) {
    for (std::size_t at = line.find(end); at != std::string::npos; at = line.find(end, at)) {
      line.replace(at, end.size(), " ");
    }
  }
  text += "# ";
  for (const char c : line) {
    text += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? ' ' : c;
  }
  text += '\n';
}

std::string yaml_of(const YamlNode& root, Dialect from, const Converted& made) {
  std::string text;
  add_comment(text, "From " + std::string(title(from)) + ".");
  for (const std::string& note : made.notes) add_comment(text, note);
  for (const std::string& loss : made.losses) add_comment(text, "Not in this file: " + loss);
  return text + write_yaml(root);
}

}  // namespace

base::Result<Converted> convert(std::string_view text, const std::string& name, Dialect to) {
  // All mistakes, those of any form.
  OPALINE_TRY(const AnyFlow flow, read_any_flow(text, name));
  Mistakes mistakes(text);
  std::optional<YamlNode> root = read_yaml(text, mistakes);
  OPALINE_ASSERT(root.has_value());
  const Dialect from = dialect_of(*root).value_or(Dialect::opea);
  Converted made;
  if (auto translation = translate(*root, mistakes)) {
    root = std::move(translation->root);
    made.notes = std::move(translation->notes);
  }
  if (from == to) return Converted{.text = std::string(text), .notes = {}, .losses = {}};
  const auto* const typed = std::get_if<FlowSpec>(&flow);
  if (typed != nullptr && to == Dialect::opea) {
    made.text = yaml_of(*root, from, made);
    return made;
  }
  std::optional<YamlNode> steps;
  if (typed != nullptr) {
    std::vector<std::string> differences;
    steps = steps_of(*typed, differences);
    if (to == Dialect::opaline) {
      made.notes.insert(made.notes.end(), differences.begin(), differences.end());
    }
  } else {
    steps = std::move(root);
  }
  if (to == Dialect::opaline) {
    made.text = yaml_of(*steps, from, made);
    return made;
  }
  std::optional<StepFlow> as_steps;
  if (typed != nullptr) {
    const std::string own_text = write_yaml(*steps);
    OPALINE_TRY(const AnyFlow again, read_any_flow(own_text, name));
    as_steps = std::get<StepFlow>(again);
  } else {
    as_steps = std::get<StepFlow>(flow);
  }
  Written result = written(*as_steps, to);
  made.losses = std::move(result.losses);
  made.text = to == Dialect::studio ? write_json(result.root) : yaml_of(result.root, from, made);
  return made;
}

}  // namespace opaline::flow
