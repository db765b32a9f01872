#include "flow/step_flow_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "contract/service.hpp"
#include "flow/flow_address.hpp"
#include "flow/kind_inference.hpp"
#include "flow/service_address.hpp"
#include "flow/service_entry.hpp"
#include "flow/step_checks.hpp"
#include "flow/step_entry.hpp"

namespace opaline::flow {
namespace {

using contract::ServiceKind;

constexpr std::array<ServiceKind, 5> kCatalogue = {ServiceKind::embedding, ServiceKind::retrieval,
                                                   ServiceKind::reranking, ServiceKind::llm,
                                                   ServiceKind::dataprep};

bool is_flow_file(std::string_view text) {
  return text.ends_with(".yaml") || text.ends_with(".yml") || text.starts_with("./") ||
         text.starts_with("../") || text.starts_with('/');
}

/// One reading of one file. Every mistake is noted and reading goes on.
class StepFlowReader {
 public:
  StepFlowReader(std::string_view file, const SubFlowLoader& load, Mistakes mistakes)
      : file_(file), load_(load), mistakes_(std::move(mistakes)) {}

  base::Result<StepFlow> read(const YamlNode& root, std::string_view name) {
    const YamlKeys keys(root, "a flow of steps", kStepFlowKeys, mistakes_);
    read_head(keys);
    if (const YamlNode* const services = keys.find("services")) read_services(*services);
    if (const YamlNode* const steps = keys.find("steps")) {
      read_steps(*steps);
    } else {
      mistakes_.add(root.place, "the key 'steps' is missing: what the flow does");
    }
    if (const YamlNode* const output = keys.find("output")) {
      flow_.output = read_template(*output, file_, output_texts_, mistakes_);
    }
    for (StepEntry& step : steps_) resolve_use(step);
    for (StepEntry& step : steps_) resolve_fallback(step);
    check_ports(services_, address_, "the flow", mistakes_);
    finish();
    if (!mistakes_.empty()) return base::fail(mistakes_.error(name));
    return std::move(flow_);
  }

 private:
  void read_head(const YamlKeys& keys) {
    if (const auto name = keys.text("flow")) {
      if (contract::is_service_name(*name)) {
        flow_.name = *name;
      } else {
        keys.wrong("flow",
                   "a name of a flow has 1 … 64 of the characters A-Z a-z 0-9 _ . -, found " +
                       in_quotes(*name));
      }
    } else if (!keys.find("flow")) {
      mistakes_.add(keys.place("flow"), "the key 'flow' is missing: the name of the flow");
    }
    if (const auto text = keys.text("description")) flow_.description = *text;
    flow_.timeout = read_duration(keys, "timeout", limits::kStepTime);
    address_ = {.host = flow_.host,
                .port = flow_.port,
                .endpoint = "/v1/" + (flow_.name.empty() ? "flow" : flow_.name),
                .port_place = {}};
    read_flow_address(keys, address_);
    flow_.host = address_.host;
    flow_.port = address_.port;
    flow_.endpoint = address_.endpoint;
  }

  void read_services(const YamlNode& services) {
    if (services.kind == YamlNode::Kind::null) return;
    if (services.kind != YamlNode::Kind::mapping) {
      mistakes_.add(services.place,
                    "expected {name: {url: …}} for 'services', found " + found(services));
      return;
    }
    for (const YamlNode::Entry& entry : services.entries) {
      services_.push_back(read_service(entry.key, entry.place, entry.value, mistakes_));
    }
    named_services_ = services_.size();
  }

  void read_steps(const YamlNode& steps) {
    if (steps.kind != YamlNode::Kind::mapping || steps.entries.empty()) {
      mistakes_.add(steps.place,
                    "expected {name: {uses: …}} for 'steps', found " +
                        (steps.kind == YamlNode::Kind::mapping ? "none" : found(steps)));
      return;
    }
    if (steps.entries.size() > limits::kFlowSteps) {
      mistakes_.add(steps.place, fmt::format("a flow has at most {} steps, this one has {}",
                                             limits::kFlowSteps, steps.entries.size()));
      return;
    }
    for (const YamlNode::Entry& entry : steps.entries) {
      steps_.push_back(read_step(entry, file_, mistakes_));
    }
  }

  // --- What a step uses.

  void resolve_use(StepEntry& step) {
    step.spec.run = step.run ? step.run->name : "";
    if (!step.uses) return;
    const std::string& used = step.uses->name;
    if (const auto service = find_service(used)) {
      step.spec.service = *service;
      services_used_.push_back(*service);
      place_service(step, std::nullopt);
    } else if (is_url(used)) {
      step.spec.service = add_remote(step, *step.uses, std::nullopt);
      place_service(step, std::nullopt);
    } else if (const auto* const kind = std::ranges::find_if(
                   kCatalogue, [&used](ServiceKind one) { return contract::name(one) == used; });
               kind != kCatalogue.end()) {
      place_service(step, *kind);
    } else if (is_flow_file(used)) {
      step.spec.sub_flow = sub_flow(*step.uses);
      check_run(step);
    } else {
      unknown_use(*step.uses);
    }
  }

  /// Of the file.
  std::optional<std::size_t> find_service(std::string_view name) const {
    for (std::size_t i = 0; i < named_services_; ++i) {
      if (services_[i].spec.name == name) return i;
    }
    return {};
  }

  /// What `run` says of the service. @param kind of the catalogue: the service is not there yet.
  void place_service(StepEntry& step, std::optional<ServiceKind> kind) {
    const bool at_url = step.run && is_url(step.run->name);
    if (!kind) {
      if (step.spec.sub_flow && step.run->name == "child") {
        mistakes_.add(step.run->place,
                      "a flow inside runs in this process, or at a URL where it is served");
      }
      if (!step.spec.service) return;
      const ServiceSpec& service = services_[*step.spec.service].spec;
      if (step.run && !service.url.empty()) {
        mistakes_.add(step.run->place, fmt::format("{} is at {} already; leave 'run' out",
                                                   in_quotes(step.uses->name), service.url));
      } else if (at_url) {
        step.spec.service = add_remote(step, *step.run, service.kind);
        step.spec.run.clear();
      } else {
        check_run(step);
      }
      return;
    }
    if (at_url) {
      step.spec.service = add_remote(step, *step.run, kind);
      step.spec.run.clear();
      return;
    }
    step.spec.service = catalogue_service(*kind, step.uses->place);
    check_run(step);
  }

  /// The one of the catalogue that all steps share.
  std::size_t catalogue_service(ServiceKind kind, std::size_t place) {
    const std::string name(contract::name(kind));
    for (std::size_t i = named_services_; i < services_.size(); ++i) {
      if (services_[i].spec.name == name) return i;
    }
    services_.push_back(read_service(name, place, YamlNode(), mistakes_));
    return services_.size() - 1;
  }

  void check_run(const StepEntry& step) {
    constexpr std::array<std::string_view, 2> kPlaces = {"here", "child"};
    if (!step.run || is_url(step.run->name)) return;
    if (std::ranges::find(kPlaces, step.run->name) != kPlaces.end()) {
      if (step.spec.sub_flow && step.run->name == "child") {
        mistakes_.add(step.run->place,
                      "a flow inside runs in this process, or at a URL where it is served");
      }
      if (!step.spec.service) return;
      const ServiceSpec& service = services_[*step.spec.service].spec;
      if (const std::string why = misplaced(service, step.run->name); !why.empty())
        mistakes_.add(step.run->place, why);
      return;
    }
    mistakes_.add(step.run->place, "expected here, child or a URL for 'run', found " +
                                       in_quotes(step.run->name) +
                                       suggestion(step.run->name, kPlaces));
  }

  /// A service at a URL that the step itself names.
  std::optional<std::size_t> add_remote(const StepEntry& step, const PlacedName& url,
                                        std::optional<ServiceKind> kind) {
    const auto address = split_url(url.name);
    if (!address) {
      mistakes_.add(url.place, address.error());
      return {};
    }
    const auto text = [](std::string value, std::size_t place) {
      YamlNode node;
      node.kind = YamlNode::Kind::scalar;
      node.place = place;
      node.text = std::move(value);
      return node;
    };
    YamlNode body;
    body.kind = YamlNode::Kind::mapping;
    body.place = url.place;
    body.entries.push_back({.key = "url", .place = url.place, .value = text(url.name, url.place)});
    if (!kind) kind = kind_of_endpoint(address->path).value_or(ServiceKind::custom);
    body.entries.push_back({.key = "kind",
                            .place = url.place,
                            .value = text(std::string(contract::name(*kind)), url.place)});
    const bool taken = find_service(step.spec.name).has_value();
    services_.push_back(
        read_service(taken ? step.spec.name + ".run" : step.spec.name, url.place, body, mistakes_));
    return services_.size() - 1;
  }

  /// A service, or a step whose service is meant.
  void resolve_fallback(StepEntry& step) {
    if (!step.fallback) return;
    const std::string& wanted = step.fallback->name;
    const auto other = std::ranges::find_if(
        steps_, [&wanted](const StepEntry& one) { return one.spec.name == wanted; });
    if (wanted == step.spec.name) {
      mistakes_.add(step.fallback->place, "a step cannot stand in for itself");
    } else if (other != steps_.end()) {
      if (other->spec.service) {
        step.spec.fallback = other->spec.service;
      } else if (!other->uses) {
        mistakes_.add(step.fallback->place,
                      in_quotes(wanted) + " asks no service, so it cannot stand in for another");
      } else if (other->spec.sub_flow) {
        mistakes_.add(step.fallback->place,
                      in_quotes(wanted) + " runs a flow; a stand-in is a service");
      }
    } else if (const auto service = find_service(wanted)) {
      step.spec.fallback = *service;
      services_used_.push_back(*service);
    } else {
      std::vector<std::string_view> names;
      for (const StepEntry& one : steps_) names.push_back(one.spec.name);
      for (std::size_t i = 0; i < named_services_; ++i) names.push_back(services_[i].spec.name);
      mistakes_.add(step.fallback->place, in_quotes(wanted) + " is neither a step nor a service" +
                                              suggestion(wanted, names));
    }
  }

  /// Takes out the steps that do nothing but stand in for others.
  std::vector<StepEntry> take_stand_ins() {
    std::set<std::string> wanted;
    std::set<std::string> runs;
    for (const StepEntry& step : steps_) {
      if (step.fallback) wanted.insert(step.fallback->name);
      for (const PlacedName& need : step.needs) runs.insert(need.name);
      for (const StepEntry::Arm& arm : step.arms) runs.insert(arm.then.name);
      if (step.error_step) runs.insert(step.error_step->name);
    }
    std::vector<StepEntry> taken;
    std::vector<StepEntry> left;
    for (StepEntry& step : steps_) {
      const bool only_stands_in = wanted.contains(step.spec.name) &&
                                  !runs.contains(step.spec.name) && step.needs.empty() &&
                                  step.readings.empty();
      (only_stands_in ? taken : left).push_back(std::move(step));
    }
    steps_ = std::move(left);
    return taken;
  }

  std::size_t sub_flow(const PlacedName& use) {
    const auto known = std::ranges::find(flow_.flows, use.name, &SubFlow::file);
    if (known != flow_.flows.end()) return static_cast<std::size_t>(known - flow_.flows.begin());
    SubFlow sub{.file = use.name, .flow = {}};
    if (load_) {
      auto loaded = load_(use.name);
      if (loaded) {
        sub.flow = *std::move(loaded);
      } else {
        const std::string& message = loaded.error().message;
        mistakes_.add(use.place, message.contains('\n') || message.contains(": ")
                                     ? in_quotes(use.name) + " has mistakes:\n" + message
                                     : message);
      }
    }
    flow_.flows.push_back(std::move(sub));
    return flow_.flows.size() - 1;
  }

  void unknown_use(const PlacedName& use) {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < named_services_; ++i) names.push_back(services_[i].spec.name);
    for (const ServiceKind kind : kCatalogue) names.push_back(contract::name(kind));
    std::string near = suggestion(use.name, names);
    if (near.empty()) {
      near = names.size() <= 16 ? "; there are " + listed(names) : std::string();
      near += "; add it under 'services', or name a URL or a flow file as './audit.yaml'";
    }
    mistakes_.add(use.place, in_quotes(use.name) + " is no service" + near);
  }

  // --- All together.

  void finish() {
    for (ServiceEntry& service : services_) flow_.services.push_back(service.spec);
    const std::vector<StepEntry> stand_ins = take_stand_ins();
    StepChecks checks({.file = file_,
                       .steps = steps_,
                       .stand_ins = stand_ins,
                       .services = services_,
                       .output = output_texts_},
                      mistakes_);
    checks.link();
    flow_.graph = checks.take_graph();
    for (StepEntry& step : steps_) flow_.steps.push_back(std::move(step.spec));
    if (!mistakes_.empty()) return;
    for (std::size_t i = 0; i < named_services_; ++i) {
      const ServiceSpec& service = services_[i].spec;
      if (std::ranges::find(services_used_, i) == services_used_.end() && !service.port) {
        flow_.notes.push_back(
            fmt::format("the service {} is used by no step", in_quotes(service.name)));
      }
    }
    for (Graph::Node node = 1; node < flow_.graph.size(); ++node) {
      if (!flow_.graph.predecessors(node).empty()) continue;
      flow_.notes.push_back(
          fmt::format("the step {} needs nothing, so it starts at once with the request",
                      in_quotes(flow_.graph.name(node))));
    }
  }

  std::string_view file_;
  const SubFlowLoader& load_;
  Mistakes mistakes_;
  StepFlow flow_;
  FlowAddress address_;
  std::vector<ServiceEntry> services_;  // Those of the file, then those that steps bring in.
  std::size_t named_services_ = 0;
  std::vector<std::size_t> services_used_;
  std::vector<StepEntry> steps_;
  std::vector<PlacedText> output_texts_;
};

}  // namespace

base::Result<StepFlow> read_step_flow(const YamlNode& root, std::string_view file,
                                      std::string_view name, const SubFlowLoader& load,
                                      Mistakes mistakes) {
  return StepFlowReader(file, load, std::move(mistakes)).read(root, name);
}

}  // namespace opaline::flow
