#include "flow/step_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "flow/expression_operators.hpp"
#include "flow/service_shapes.hpp"

namespace opaline::flow {
namespace {

Shape shape(Type type) { return {.type = type, .members = {}, .rest = {}, .element = {}}; }

}  // namespace

StepChecks::StepChecks(Parts parts, Mistakes& mistakes)
    : file_(parts.file),
      steps_(parts.steps),
      stand_ins_(parts.stand_ins),
      services_(parts.services),
      output_(parts.output),
      mistakes_(mistakes),
      sees_error_(parts.steps.size(), false) {}

void StepChecks::link() {
  // A name twice is a key twice, which is noted and left out when the file is read.
  for (const StepEntry& step : steps_) {
    OPALINE_ASSERT(graph_.add(step.spec.name));
    nodes_.emplace(step.spec.name, nodes_.size());
  }
  for (Graph::Node node = 0; node < steps_.size(); ++node) link_needs(node);
  for (Graph::Node node = 0; node < steps_.size(); ++node) link_calls(node);
  for (Graph::Node node = 0; node < steps_.size(); ++node) link_readings(node);
  const std::vector<Graph::Node> in_order = order();
  check_choices(in_order);
  check_stand_ins();
  check_types(in_order);
}

// --- Names and edges

std::optional<Graph::Node> StepChecks::find(std::string_view name) const {
  const auto node = nodes_.find(name);
  if (node == nodes_.end()) return {};
  return node->second;
}

std::size_t StepChecks::place_of(const PlacedText& text, std::size_t offset) const {
  return mistakes_.full() ? text.node->place : place_in(file_, *text.node, offset);
}

std::optional<Graph::Node> StepChecks::resolve(const PlacedName& name) {
  if (const auto node = find(name.name)) return node;
  std::string message;
  if (!mistakes_.full()) {
    std::vector<std::string_view> names;
    for (const StepEntry& step : steps_) names.push_back(step.spec.name);
    std::string near = suggestion(name.name, names);
    if (near.empty() && names.size() <= 16) near = "; the steps are " + listed(names);
    message = in_quotes(name.name) + " is no step" + near;
  }
  mistakes_.add(name.place, std::move(message));
  return {};
}

std::string StepChecks::connect(Graph::Node from, Graph::Node to, Edge edge) {
  const std::vector<Graph::Node>& before = graph_.predecessors(to);
  if (std::ranges::find(before, from) != before.end()) return {};
  if (edges_ == limits::kFlowEdges) {
    return fmt::format("a flow has at most {} edges, those that expressions make included",
                       limits::kFlowEdges);
  }
  const auto connected = graph_.connect(from, to);
  if (connected) {
    ++edges_;
    return {};
  }
  const std::string& path = connected.error().message;
  if (edge == Edge::call || edge == Edge::need) return "this closes a cycle: " + path;
  if (from == to) {
    return "a step's own reply is not there yet; its 'output' reads it as ${output}";
  }
  return fmt::format("{} has not run when {} starts: it comes after it, {}",
                     in_quotes(graph_.name(from)), in_quotes(graph_.name(to)), path);
}

void StepChecks::link_needs(Graph::Node node) {
  StepEntry& step = steps_[node];
  for (const PlacedName& need : step.needs) {
    const auto before = resolve(need);
    if (!before) continue;
    step.spec.needs.push_back(*before);
    std::string wrong = connect(*before, node, Edge::need);
    if (!wrong.empty()) mistakes_.add(need.place, std::move(wrong));
  }
}

void StepChecks::link_calls(Graph::Node node) {
  StepEntry& step = steps_[node];
  for (StepEntry::Arm& arm : step.arms) {
    const auto target = resolve(arm.then);
    if (!target) continue;
    step.spec.arms.push_back({.when = std::move(arm.when), .then = *target});
    call(node, *target, arm.then.place);
  }
  if (!step.error_step) return;
  const auto target = resolve(*step.error_step);
  if (!target) return;
  step.spec.error_step = *target;
  sees_error_[*target] = true;
  call(node, *target, step.error_step->place);
}

void StepChecks::call(Graph::Node caller, Graph::Node target, std::size_t place) {
  steps_[target].spec.called = true;
  std::string wrong = connect(caller, target, Edge::call);
  if (!wrong.empty()) mistakes_.add(place, std::move(wrong));
}

void StepChecks::link_readings(Graph::Node node) {
  for (const StepEntry::Reading& reading : steps_[node].readings) {
    for (const ValueTemplate::Part& part : reading.text.value.expressions()) {
      for (const Reference& reference : part.expression.references()) {
        if (reference.kind != Reference::Kind::step) continue;
        const auto before = find(reference.name);
        if (!before) continue;  // The check of types says so.
        std::string wrong = connect(*before, node, Edge::reading);
        if (wrong.empty()) continue;
        mistakes_.add(place_of(reading.text, part.place + reference.place), std::move(wrong));
      }
    }
  }
}

std::vector<Graph::Node> StepChecks::order() const {
  std::vector<std::size_t> awaited;
  std::vector<Graph::Node> in_order;
  for (Graph::Node node = 0; node < graph_.size(); ++node) {
    awaited.push_back(graph_.predecessors(node).size());
    if (awaited.back() == 0) in_order.push_back(node);
  }
  for (std::size_t i = 0; i < in_order.size(); ++i) {
    for (const Graph::Node next : graph_.successors(in_order[i])) {
      if (--awaited[next] == 0) in_order.push_back(next);
    }
  }
  OPALINE_ASSERT(in_order.size() == graph_.size());
  return in_order;
}

// --- Steps that never run in the same request

StepChecks::Choices StepChecks::choices_of(Graph::Node node,
                                           const std::vector<Choices>& all) const {
  std::optional<Choices> common;
  for (const Graph::Node before : graph_.predecessors(node)) {
    const StepSpec& caller = steps_[before].spec;
    const bool chosen = std::ranges::find(caller.arms, node, &SwitchArm::then) != caller.arms.end();
    if (steps_[node].spec.called && !chosen && caller.error_step != node) {
      continue;  // It waits for that one, which does not make it run.
    }
    Choices choices = all[before];
    if (chosen) choices.insert_or_assign(before, node);
    if (!common) {
      common = std::move(choices);
    } else {
      std::erase_if(*common, [&choices](const auto& choice) {
        const auto same = choices.find(choice.first);
        return same == choices.end() || same->second != choice.second;
      });
    }
  }
  return std::move(common).value_or(Choices());
}

void StepChecks::check_choices(const std::vector<Graph::Node>& order) {
  std::vector<Choices> all(graph_.size());
  for (const Graph::Node node : order) all[node] = choices_of(node, all);
  for (Graph::Node node = 0; node < steps_.size(); ++node) {
    for (const StepEntry::Reading& reading : steps_[node].readings) {
      for (const ValueTemplate::Part& part : reading.text.value.expressions()) {
        for (const Reference& reference : part.expression.references()) {
          const auto read =
              reference.kind == Reference::Kind::step ? find(reference.name) : std::nullopt;
          if (!read) continue;
          const auto apart = std::ranges::find_if(all[node], [&](const auto& choice) {
            const auto other = all[*read].find(choice.first);
            return other != all[*read].end() && other->second != choice.second;
          });
          if (apart == all[node].end()) continue;
          mistakes_.add(place_of(reading.text, part.place + reference.place),
                        fmt::format("{} never runs when {} does: {} chooses one of the ways",
                                    in_quotes(reference.name), in_quotes(graph_.name(node)),
                                    in_quotes(graph_.name(apart->first))));
        }
      }
    }
  }
}

// --- Types

void StepChecks::check_stand_ins() {
  const auto check = [this](const PlacedText& text) {
    for (const ValueTemplate::Part& part : text.value.expressions()) {
      for (const Reference& reference : part.expression.references()) {
        if (reference.kind != Reference::Kind::step || find(reference.name)) continue;
        const bool stands_in = std::ranges::any_of(
            stand_ins_, [&](const StepEntry& one) { return one.spec.name == reference.name; });
        if (!stands_in) continue;
        mistakes_.add(place_of(text, part.place + reference.place),
                      fmt::format("{} only stands in for another step, whose reply it then gives; "
                                  "read that one",
                                  in_quotes(reference.name)));
      }
    }
  };
  if (stand_ins_.empty()) return;
  for (const StepEntry& step : steps_) {
    for (const StepEntry::Reading& reading : step.readings) check(reading.text);
  }
  for (const PlacedText& text : output_) check(text);
}

void StepChecks::check_types(const std::vector<Graph::Node>& order) {
  for (const StepEntry& step : steps_) scope_.steps.emplace(step.spec.name, Shape());
  for (const StepEntry& step : stand_ins_) scope_.steps.emplace(step.spec.name, Shape());
  for (const Graph::Node node : order) {
    check_readings(node);
    check_input(node);
    scope_.steps[steps_[node].spec.name] = shape_of(node);
  }
  scope_.names = {{"request", Shape()}};
  for (const PlacedText& text : output_) check_text(text);
}

void StepChecks::enter(Graph::Node node, StepEntry::Purpose purpose) {
  const StepEntry& step = steps_[node];
  scope_.names = {{"request", Shape()}};
  if (sees_error_[node]) {
    Shape error = shape(Type::object);
    error.rest = Shape::Rest::none;
    for (const char* const member : {"code", "message", "step"}) {
      error.members.emplace(member, shape(Type::string));
    }
    scope_.names.emplace("error", std::move(error));
  }
  const bool inside = purpose == StepEntry::Purpose::input || purpose == StepEntry::Purpose::output;
  if (step.spec.map && inside) {
    std::vector<Mistake> noted;
    Shape list = step.spec.map->over.type(scope_, noted);
    scope_.names.insert_or_assign(step.spec.map->as,
                                  list.element.empty() ? Shape() : std::move(list.element.front()));
    scope_.names.insert_or_assign("index", shape(Type::number));
  }
  if (purpose == StepEntry::Purpose::output) {
    scope_.names.insert_or_assign("output", reply_of(step));
  }
}

Shape StepChecks::reply_of(const StepEntry& step) const {
  if (!step.spec.service || step.spec.fallback || !services_[*step.spec.service].kind_known) {
    return {};
  }
  return reply_shape(services_[*step.spec.service].spec.kind);
}

Shape StepChecks::check_text(const PlacedText& text) {
  std::vector<Mistake> found;
  Shape shape = text.value.type(scope_, found);
  for (Mistake& mistake : found) {
    mistakes_.add(place_of(text, mistake.place), std::move(mistake.message));
  }
  return shape;
}

void StepChecks::check_readings(Graph::Node node) {
  for (const StepEntry::Reading& reading : steps_[node].readings) {
    enter(node, reading.purpose);
    const Shape gives = check_text(reading.text);
    std::string wrong;
    if (reading.purpose == StepEntry::Purpose::condition) {
      wrong = condition_misfit("'when'", gives.type);
    } else if (reading.purpose == StepEntry::Purpose::list &&
               !Types{Type::list, Type::null}.contains(gives.type)) {
      wrong = fmt::format("expected a list for 'over', this is {}", name(gives.type));
    }
    if (!wrong.empty()) mistakes_.add(reading.text.node->place, std::move(wrong));
  }
}

void StepChecks::check_input(Graph::Node node) {
  const StepEntry& step = steps_[node];
  if (!step.spec.input || !step.input || !step.spec.service) return;
  const ServiceEntry& service = services_[*step.spec.service];
  const auto fields = request_fields(service.spec.kind);
  if (!service.kind_known || fields.empty()) return;
  std::vector<Mistake> noted;
  enter(node, StepEntry::Purpose::input);
  const Shape asked = step.spec.input->type(scope_, noted);
  const std::string_view kind = contract::name(service.spec.kind);
  if (asked.type != Type::object && asked.type != Type::unknown) {
    mistakes_.add(step.input->place,
                  fmt::format("a service of the kind {} is asked with an object, as {{{}: …}}; "
                              "this is {}",
                              kind, fields.front().name, name(asked.type)));
    return;
  }
  for (const RequestField& field : fields) {
    const auto member = asked.members.find(field.name);
    if (member == asked.members.end() || field.takes.contains(member->second.type)) continue;
    const auto entry = std::ranges::find(step.input->entries, field.name, &YamlNode::Entry::key);
    mistakes_.add(entry == step.input->entries.end() ? step.input->place : entry->value.place,
                  fmt::format("'{}' of a service of the kind {} is {}, this is {}", field.name,
                              kind, field.takes.text(), name(member->second.type)));
  }
}

Shape StepChecks::shape_of(Graph::Node node) {
  const StepEntry& step = steps_[node];
  Shape reply = reply_of(step);
  if (step.spec.output) {
    std::vector<Mistake> noted;
    enter(node, StepEntry::Purpose::output);
    reply = step.spec.output->type(scope_, noted);
  } else if (!step.spec.service && !step.spec.sub_flow && step.spec.input) {
    std::vector<Mistake> noted;
    enter(node, StepEntry::Purpose::input);
    reply = step.spec.input->type(scope_, noted);
  }
  if (!step.spec.map) return reply;
  Shape list = shape(Type::list);
  list.element.push_back(std::move(reply));
  return std::move(list).bounded();
}

}  // namespace opaline::flow
