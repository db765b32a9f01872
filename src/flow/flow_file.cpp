#include "flow/flow_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/limits.hpp"
#include "flow/dialects/dialect.hpp"
#include "flow/flow_address.hpp"
#include "flow/flow_text.hpp"
#include "flow/kind_inference.hpp"
#include "flow/mega_flow_line.hpp"
#include "flow/mistakes.hpp"
#include "flow/service_address.hpp"
#include "flow/service_entry.hpp"
#include "flow/yaml_reader.hpp"

namespace opaline::flow {

bool ServiceSpec::runs_in_child() const {
  using contract::ServiceKind;
  if (!url.empty()) return false;
  if (kind == ServiceKind::embedding || kind == ServiceKind::reranking) return true;
  if (kind != ServiceKind::llm) return false;
  // Without a word of a model it may only quote.
  const auto mode = options.find("mode");
  if (mode != options.end()) return mode->second == "generate";
  return options.contains("model");
}
namespace {

constexpr std::string_view kServices = "opea_micro_services";
constexpr std::string_view kFlow = "opea_mega_service";

/// One reading of one file: services first, then the flow over them. Every mistake is noted and
/// reading goes on.
class FlowReader {
 public:
  FlowReader(std::string_view text, Mistakes mistakes)
      : text_(text), mistakes_(std::move(mistakes)) {}

  base::Result<FlowSpec> read(const YamlNode& root, std::string_view name) {
    read_root(root);
    if (!mistakes_.empty()) return base::fail(mistakes_.error(name));
    return std::move(spec_);
  }

 private:
  /// A name in an expression: which service it is, and where it stands in the file.
  struct Step {
    std::size_t service = 0;
    std::size_t place = 0;
  };
  using Stages = std::vector<std::vector<Step>>;

  void read_root(const YamlNode& root) {
    if (root.kind != YamlNode::Kind::mapping) {
      mistakes_.add(root.place, fmt::format("expected the keys {} and {}, found {}", kServices,
                                            kFlow, found(root)));
      return;
    }
    if (dialect_of(root) == Dialect::opaline) {
      mistakes_.add(root.place,
                    fmt::format("this is a flow of steps; expected one with the keys {} and {}",
                                kServices, kFlow));
      return;
    }
    const YamlKeys keys(root, "a flow file", {kServices, kFlow}, mistakes_);
    if (const YamlNode* services = keys.find(kServices)) {
      read_services(*services);
    } else {
      mistakes_.add(root.place, fmt::format("the key '{}' is missing", kServices));
    }
    const YamlNode* flow = keys.find(kFlow);
    if (flow && flow->kind == YamlNode::Kind::mapping) {
      read_flow_service(*flow);
    } else if (flow) {
      mistakes_.add(flow->place,
                    fmt::format("expected {{port: …, mega_flow: […]}} for '{}', found {}", kFlow,
                                found(*flow)));
    } else {
      leave_all_independent();
    }
    check_ports(entries_, address_, in_quotes(kFlow), mistakes_);
  }

  // --- opea_micro_services

  void read_services(const YamlNode& services) {
    switch (services.kind) {
      case YamlNode::Kind::mapping:
        for (const YamlNode::Entry& entry : services.entries) {
          add_service(entry.key, entry.place, entry.value);
        }
        break;
      case YamlNode::Kind::sequence:
        for (const YamlNode& item : services.items) read_listed_service(item);
        break;
      case YamlNode::Kind::null:
      case YamlNode::Kind::scalar: break;
    }
    if (services.items.empty() && services.entries.empty()) {
      mistakes_.add(
          services.place,
          fmt::format("expected services under '{}', as 'embedding: {{port: 6000}}', "
                      "found {}",
                      kServices,
                      services.kind == YamlNode::Kind::scalar ? found(services) : "none"));
    }
    if (entries_.size() > limits::kFlowSteps) {
      mistakes_.add(services.place, fmt::format("a flow has at most {} services, this one has {}",
                                                limits::kFlowSteps, entries_.size()));
    }
  }

  /// "- embedding: {…}", "- {name: embedding, …}" or "- embedding".
  void read_listed_service(const YamlNode& item) {
    if (item.kind == YamlNode::Kind::scalar) {
      add_service(item.text, item.place, YamlNode());
      return;
    }
    if (item.kind == YamlNode::Kind::mapping) {
      YamlNode body = item;
      const auto name = std::ranges::find(body.entries, "name", &YamlNode::Entry::key);
      if (name != body.entries.end() && name->value.kind == YamlNode::Kind::scalar) {
        const YamlNode value = std::move(name->value);
        body.entries.erase(name);
        add_service(value.text, value.place, body);
        return;
      }
      if (item.entries.size() == 1 && item.entries[0].value.kind != YamlNode::Kind::scalar) {
        add_service(item.entries[0].key, item.entries[0].place, item.entries[0].value);
        return;
      }
    }
    mistakes_.add(item.place,
                  "expected '- name: {endpoint: …, port: …}' or '- {name: …, port: …}'");
  }

  void add_service(const std::string& name, std::size_t place, const YamlNode& body) {
    if (const auto first = find_service(name)) {
      std::string message;
      if (!mistakes_.full()) {
        message = fmt::format("the service {} is here twice; the first is at {}", in_quotes(name),
                              mistakes_.position(entries_[*first].place));
      }
      mistakes_.add(place, std::move(message));
      return;
    }
    entries_.push_back(read_service(name, place, body, mistakes_));
  }

  std::optional<std::size_t> find_service(std::string_view name) const {
    const auto entry = std::ranges::find_if(
        entries_, [name](const ServiceEntry& one) { return one.spec.name == name; });
    if (entry == entries_.end()) return {};
    return static_cast<std::size_t>(entry - entries_.begin());
  }

  // --- opea_mega_service

  void read_flow_service(const YamlNode& flow) {
    const YamlKeys keys(flow, kFlow, {"port", "host", "endpoint", "mega_flow"}, mistakes_);
    read_flow_address(keys, address_);
    spec_.host = address_.host;
    spec_.port = address_.port;
    spec_.endpoint = address_.endpoint;
    if (const YamlNode* lines = keys.find("mega_flow")) {
      read_lines(*lines);
    } else {
      leave_all_independent();
    }
  }

  void read_lines(const YamlNode& lines) {
    if (lines.kind == YamlNode::Kind::scalar) {
      read_line(lines);
    } else if (lines.kind == YamlNode::Kind::sequence && !lines.items.empty()) {
      for (const YamlNode& line : lines.items) read_line(line);
    } else {
      mistakes_.add(lines.place,
                    "expected a list of flows for 'mega_flow', as "
                    "'- embedding >> retrieval >> llm', found " +
                        (lines.kind == YamlNode::Kind::sequence ? "an empty one" : found(lines)));
      return;
    }
    build_graph();
  }

  void read_line(const YamlNode& line) {
    if (line.kind != YamlNode::Kind::scalar) {
      mistakes_.add(line.place, "expected steps, as in 'embedding >> retrieval', found " +
                                    found(line) + "; quote an expression that has brackets");
      return;
    }
    auto expression = parse_mega_flow_line(line.text);
    ScalarPlaces places(text_, line);
    if (!expression) {
      mistakes_.add(places.at(expression.error().place), std::move(expression.error().message));
      return;
    }
    Stages stages;
    for (const MegaFlowLine::Stage& stage : expression->stages) {
      std::vector<Step>& steps = stages.emplace_back();
      for (const MegaFlowLine::Name& name : stage) {
        const std::size_t place = places.at(name.place);
        if (const auto service = find_service(name.text)) {
          steps.push_back({.service = *service, .place = place});
        } else {
          unknown_service(name.text, place);
        }
      }
    }
    lines_.push_back(std::move(stages));
  }

  void unknown_service(std::string_view name, std::size_t place) {
    if (entries_.empty()) return;  // That is the mistake, and noted.
    if (mistakes_.full()) {
      mistakes_.add(place, {});
      return;
    }
    std::vector<std::string_view> names;
    for (const ServiceEntry& entry : entries_) names.push_back(entry.spec.name);
    std::string near = suggestion(name, names);
    if (near.empty() && !names.empty() && names.size() <= 16) {
      near = "; the services are " + listed(names);
    }
    mistakes_.add(place,
                  fmt::format("{} is no service of '{}'{}", in_quotes(name), kServices, near));
  }

  // --- The graph

  /// No mega_flow: OPEA takes every service for an independent step.
  void leave_all_independent() {
    for (std::size_t service = 0; service < entries_.size(); ++service) {
      if (entries_[service].spec.kind == contract::ServiceKind::dataprep) continue;
      lines_.push_back({{Step{.service = service, .place = entries_[service].place}}});
    }
    spec_.notes.emplace_back(
        "no mega_flow: every service works alone on the question, none on what "
        "another found");
    standing_alone_ = true;
    build_graph();
  }

  void build_graph() {
    number_steps();
    for (const Stages& stages : lines_) {
      for (std::size_t next = 1; next < stages.size(); ++next) {
        for (const Step& from : stages[next - 1]) {
          for (const Step& to : stages[next]) {
            if (!connect(from, to)) return;
          }
        }
      }
    }
    check_steps();
  }

  /// Puts the services of the flow first, so that node i is services[i].
  void number_steps() {
    first_places_.assign(entries_.size(), std::nullopt);
    for (const Stages& stages : lines_) {
      for (const auto& stage : stages) {
        for (const Step& step : stage) {
          std::optional<std::size_t>& first = first_places_[step.service];
          if (!first) first = step.place;
        }
      }
    }
    nodes_.assign(entries_.size(), 0);
    for (const bool in_flow : {true, false}) {
      for (std::size_t service = 0; service < entries_.size(); ++service) {
        if (first_places_[service].has_value() != in_flow) continue;
        spec_.services.push_back(entries_[service].spec);
        // A name twice was noted when it was read, and left out.
        if (in_flow) nodes_[service] = spec_.graph.add(entries_[service].spec.name).value();
      }
    }
  }

  /// @return false when the flow is too large to go on.
  bool connect(const Step& from, const Step& to) {
    const Graph::Node before = nodes_[from.service];
    const Graph::Node after = nodes_[to.service];
    if (++edges_ > limits::kFlowEdges) {
      mistakes_.add(to.place, fmt::format("a flow has at most {} edges, repeated ones included",
                                          limits::kFlowEdges));
      return false;
    }
    if (std::ranges::find(spec_.graph.successors(before), after) !=
        spec_.graph.successors(before).end()) {
      return true;
    }
    if (const auto connected = spec_.graph.connect(before, after); !connected) {
      mistakes_.add(to.place, "this closes a cycle: " + connected.error().message);
      return true;
    }
    const ServiceEntry& a = entries_[from.service];
    const ServiceEntry& b = entries_[to.service];
    if (!a.kind_known || !b.kind_known) return true;
    if (a.spec.kind == contract::ServiceKind::dataprep ||
        b.spec.kind == contract::ServiceKind::dataprep) {
      return true;  // check_steps says so, once.
    }
    if (const std::string_view why = misfit(a.spec.kind, b.spec.kind); !why.empty()) {
      mistakes_.add(to.place,
                    fmt::format("{} ({}) cannot follow {} ({}): {}", in_quotes(b.spec.name),
                                contract::name(b.spec.kind), in_quotes(a.spec.name),
                                contract::name(a.spec.kind), why));
    }
    return true;
  }

  void check_steps() {
    for (std::size_t service = 0; service < entries_.size(); ++service) {
      const ServiceEntry& entry = entries_[service];
      if (!first_places_[service] || !entry.kind_known) continue;
      const std::size_t place = *first_places_[service];
      if (entry.spec.kind == contract::ServiceKind::dataprep) {
        mistakes_.add(place,
                      fmt::format("{} takes documents in and is no step of a flow; it is served "
                                  "without being named here",
                                  in_quotes(entry.spec.name)));
      } else if (entry.spec.kind == contract::ServiceKind::reranking && !standing_alone_ &&
                 spec_.graph.predecessors(nodes_[service]).empty()) {
        mistakes_.add(place, fmt::format("{} has nothing to order; put a retrieval before it",
                                         in_quotes(entry.spec.name)));
      }
    }
  }

  std::string_view text_;
  Mistakes mistakes_;
  FlowSpec spec_;
  std::vector<ServiceEntry> entries_;
  std::vector<Stages> lines_;
  FlowAddress address_{
      .host = spec_.host, .port = spec_.port, .endpoint = spec_.endpoint, .port_place = {}};
  bool standing_alone_ = false;
  std::size_t edges_ = 0;
  // One a service: where the flow names it first, if it does, and its node.
  std::vector<std::optional<std::size_t>> first_places_;
  std::vector<Graph::Node> nodes_;
};

}  // namespace

base::Result<FlowSpec> read_flow(std::string_view yaml, const std::string& name) {
  Mistakes mistakes(yaml);
  const auto root = read_yaml(yaml, mistakes);
  if (!root) return base::fail(mistakes.error(name));
  return read_flow(*root, yaml, name, std::move(mistakes));
}

base::Result<FlowSpec> read_flow(const YamlNode& root, std::string_view text,
                                 const std::string& name, Mistakes mistakes) {
  return FlowReader(text, std::move(mistakes)).read(root, name);
}

base::Result<FlowSpec> load_flow(const std::filesystem::path& file) {
  OPALINE_TRY(const std::string text, read_flow_text(file));
  return read_flow(text, file.string());
}

bool FlowSpec::passes_json() const {
  return std::ranges::any_of(std::span(services).first(graph.size()), [](const ServiceSpec& one) {
    return one.kind == contract::ServiceKind::custom;
  });
}

FlowSpec built_in_flow() {
  using contract::ServiceKind;
  FlowSpec spec;
  for (const ServiceKind kind :
       {ServiceKind::embedding, ServiceKind::retrieval, ServiceKind::reranking, ServiceKind::llm}) {
    ServiceSpec service;
    service.name = contract::name(kind);
    service.kind = kind;
    service.endpoint = contract::default_endpoint(kind);
    const Graph::Node node = spec.graph.add(service.name).value();
    if (node > 0) OPALINE_ASSERT(spec.graph.connect(node - 1, node));
    spec.services.push_back(std::move(service));
  }
  return spec;
}

}  // namespace opaline::flow
