#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/limits.hpp"
#include "flow/dialects/dialect.hpp"
#include "flow/dialects/gmc_condition.hpp"
#include "flow/dialects/gmc_step.hpp"
#include "flow/dialects/tree.hpp"

/// What a GMConnector's router does, as steps of a flow.
///
///   Sequence   one step after another; a condition is a switch with one arm, whose own reply is
///              the answer so far, so that the flow ends with it when the condition does not hold
///   Switch     conditions that exclude one another: a switch. Others: steps one after another,
///              each with `when`
///   Ensemble   steps side by side, and one that makes an object of their replies
///   $response  `input`, the reply before, with the request's `parameters` laid over it

namespace opaline::flow {
namespace {

/// Those whose answers come token by token.
constexpr std::array<std::string_view, 5> kGenerating = {"Llm", "DocSum", "Tgi", "TgiGaudi",
                                                         "TgiNvidia"};
constexpr std::string_view kResponse = "$response";
constexpr std::string_view kRequest = "$request";
constexpr std::string_view kRoot = "root";

class GmcReader {
 public:
  GmcReader(const YamlNode& root, Mistakes& mistakes) : root_(root), mistakes_(mistakes) {}

  Translation read() {
    read_head();
    if (nodes_ != nullptr) {
      const Outcome all = run_node(kRoot, nodes_->place, {.input = "request", .after = {}});
      finish(all);
    }
    return {.root = std::move(flow_), .notes = std::move(notes_)};
  }

 private:
  /// What a node or a step of it starts from.
  struct Start {
    std::string input;               ///< An expression.
    std::vector<std::string> after;  ///< Steps that it waits for.
    bool called = false;             ///< By a switch: its first step is to be one that it can name.
  };
  /// What comes of it.
  struct Outcome {
    std::string first;              ///< The step that a switch has to name; empty: nothing runs.
    std::string reply;              ///< An expression.
    std::vector<std::string> ends;  ///< Steps after which it has ended.
    bool whole = true;              ///< The flow's answer is the reply without being told so.
  };

  // --- The resource.

  void read_head() {
    flow_ = mapping_node(root_.place);
    const YamlKeys keys(root_, "a GMConnector",
                        {"apiVersion", "kind", "metadata", "spec", "status"}, mistakes_);
    const YamlNode* const metadata = keys.find("metadata");
    const std::string name = metadata == nullptr ? "" : text_member(*metadata, "name");
    if (name.empty()) {
      mistakes_.add(keys.place("metadata"), "'metadata' needs a 'name'");
    }
    namespace_ = metadata == nullptr ? "" : text_member(*metadata, "namespace");
    put(flow_, "flow", StepNames().take(name));
    put(flow_, "description", "From the GMConnector " + name);
    const YamlNode* const spec = keys.find("spec");
    const YamlNode* const nodes = spec == nullptr ? nullptr : find_member(*spec, "nodes");
    if (nodes == nullptr || nodes->kind != YamlNode::Kind::mapping) {
      mistakes_.add(keys.place("spec"),
                    "expected {nodes: {root: {routerType: …, steps: […]}}} for 'spec'");
      return;
    }
    const YamlKeys known(*spec, "'spec'", {"nodes", "routerConfig"}, mistakes_);
    if (find_member(*nodes, kRoot) == nullptr) {
      mistakes_.add(nodes->place, "the node 'root' is missing: where a request starts");
      return;
    }
    nodes_ = nodes;
  }

  void finish(const Outcome& all) {
    if (!services_.entries.empty()) put(flow_, "services", std::move(services_));
    put(flow_, "steps", std::move(steps_));
    if (!all.whole) {
      put(flow_, "output", template_of(all.reply));
      notes_.emplace_back("which step answers last is known only at the end, so no answer streams");
    }
    if (!apart_.empty()) {
      std::vector<std::string_view> names(apart_.begin(), apart_.end());
      notes_.push_back("called by other services, not by the flow: " + listed(names));
    }
    if (guessed_) {
      notes_.emplace_back(
          "ports of services in the cluster are those of GMC's manifests; a 'serviceUrl' says "
          "another");
    }
    for (const YamlNode::Entry& node : nodes_->entries) {
      if (std::ranges::find(used_, node.key) != used_.end()) continue;
      notes_.push_back("the node " + in_quotes(node.key) + " is reached by no step");
    }
  }

  // --- Nodes.

  Outcome run_node(std::string_view name, std::size_t place, Start start) {
    const YamlNode* const node = find_member(*nodes_, name);
    if (node == nullptr) {
      std::vector<std::string_view> names;
      for (const YamlNode::Entry& one : nodes_->entries) names.emplace_back(one.key);
      mistakes_.add(place, in_quotes(name) + " is no node" + suggestion(name, names));
      return {};
    }
    // A node that is reached again and again is read each time.
    if (full_ || ++visits_ > 4 * limits::kFlowSteps) {
      too_many(place);
      return {};
    }
    if (std::ranges::find(inside_, name) != inside_.end()) {
      mistakes_.add(place, "the node " + in_quotes(name) + " is inside of itself");
      return {};
    }
    if (std::ranges::find(used_, name) == used_.end()) used_.emplace_back(name);
    if (node->kind != YamlNode::Kind::mapping) {
      mistakes_.add(node->place, "expected {routerType: …, steps: […]} for the node " +
                                     in_quotes(name) + ", found " + found(*node));
      return {};
    }
    const YamlKeys keys(*node, "a node", {"routerType", "steps"}, mistakes_);
    const YamlNode* const steps = keys.find("steps");
    if (steps == nullptr || steps->kind != YamlNode::Kind::sequence || steps->items.empty()) {
      mistakes_.add(keys.place("steps"),
                    "expected a list of steps for the node " + in_quotes(name));
      return {};
    }
    const std::string type = keys.text("routerType").value_or("");
    inside_.emplace_back(name);
    Outcome outcome;
    if (type == "Sequence") {
      outcome = run_sequence(*steps, std::move(start));
    } else if (type == "Switch") {
      outcome = run_switch(name, *steps, std::move(start));
    } else if (type == "Ensemble") {
      outcome = run_ensemble(name, *steps, std::move(start));
    } else {
      constexpr std::array<std::string_view, 3> kTypes = {"Sequence", "Switch", "Ensemble"};
      mistakes_.add(keys.place("routerType"),
                    "expected Sequence, Switch or Ensemble for 'routerType', found " +
                        in_quotes(type) + suggestion(type, kTypes));
    }
    inside_.pop_back();
    if (outcome.first.empty() && mistakes_.empty()) {
      mistakes_.add(node->place, "no step of the node " + in_quotes(name) + " is called");
    }
    return outcome;
  }

  Outcome run_sequence(const YamlNode& steps, Start start) {
    Outcome now{.first = {}, .reply = {}, .ends = start.after};
    for (const YamlNode& step : steps.items) {
      if (!is_called(step)) continue;
      const std::string condition = text_member(step, "condition");
      Start next{.input = input_of(step, start.input, now.reply), .after = now.ends};
      Outcome done;
      if (condition.empty()) {
        next.called = start.called && now.first.empty();
        done = run_step(step, std::move(next), {});
        if (now.first.empty()) now.first = done.first;
      } else {
        done = run_if(step, condition, std::move(next), now);
        if (done.first.empty()) continue;
      }
      if (done.reply.empty()) continue;
      add_reply(now, std::move(done), start.input,
                is_soft(step)        ? Missing::when_it_fails
                : !condition.empty() ? Missing::when_not_chosen
                                     : Missing::never);
    }
    return now;
  }

  /// Whether a step may have no reply, so that the one before it counts.
  enum class Missing : std::uint8_t { never, when_not_chosen, when_it_fails };

  /// @param input of all of them, where there is no reply before.
  static void add_reply(Outcome& now, Outcome done, const std::string& input, Missing missing) {
    // The last step of a flow that fails softly answers null, not what was before it.
    now.whole = done.whole && missing != Missing::when_it_fails;
    if (missing == Missing::never) {
      now.reply = std::move(done.reply);
    } else {
      done.reply += " ?? ";
      done.reply += now.reply.empty() ? input : now.reply;
      now.reply = std::move(done.reply);
    }
    now.ends = std::move(done.ends);
  }

  /// A step of a Sequence that runs only when the answer so far has something.
  Outcome run_if(const YamlNode& step, const std::string& condition, Start next,
                 const Outcome& now) {
    const std::size_t place = find_member(step, "condition")->place;
    if (now.reply.empty()) {
      mistakes_.add(place,
                    "in a Sequence a condition is about the answer before, and there is none yet");
      return {};
    }
    const auto holds = presence_expression(condition, in_brackets(now.reply));
    if (!holds) {
      mistakes_.add(place, holds.error());
      return {};
    }
    const std::string name = names_.take(step_name(step) + ".if");
    YamlNode chooser = mapping_node(place);
    put(chooser, "needs", names_node(now.ends, place));
    const std::size_t at = reserve(name, place);
    next.called = true;
    Outcome done = run_step(step, std::move(next), {});
    if (done.first.empty()) return {};
    put(chooser, "switch", list_node({arm(place, *holds, done.first)}, place));
    put(chooser, "input", template_of(now.reply));
    steps_.entries[at].value = std::move(chooser);
    return done;
  }

  Outcome run_switch(std::string_view node, const YamlNode& steps, Start start) {
    std::vector<std::pair<GmcEquality, std::vector<const YamlNode*>>> ways;
    bool excluding = true;
    for (const YamlNode& step : steps.items) {
      if (!is_called(step)) continue;
      const auto equality = gmc_equality(text_member(step, "condition"));
      excluding = excluding && equality && (ways.empty() || ways[0].first.key == equality->key);
      if (!excluding) break;
      auto way =
          std::ranges::find_if(ways, [&](const auto& one) { return one.first == *equality; });
      if (way == ways.end()) way = ways.insert(ways.end(), {*equality, {}});
      way->second.push_back(&step);
    }
    if (!excluding) return run_conditions(steps, std::move(start));
    if (ways.empty()) return {};

    const std::string name = names_.take(node);
    YamlNode chooser = mapping_node(steps.place);
    if (!start.after.empty() && !start.called) {
      put(chooser, "needs", names_node(start.after, steps.place));
    }
    const std::size_t at = reserve(name, steps.place);
    std::vector<YamlNode> arms;
    Outcome all{.first = name, .reply = {}, .ends = {}};
    for (const auto& [equality, chain] : ways) {
      Outcome now{.first = {}, .reply = {}, .ends = {}};
      for (const YamlNode* const step : chain) {
        Outcome done = run_step(*step,
                                {.input = input_of(*step, start.input, now.reply),
                                 .after = now.ends,
                                 .called = now.first.empty()},
                                {});
        if (done.first.empty()) return {};
        if (now.first.empty()) now.first = done.first;
        add_reply(now, std::move(done), start.input,
                  is_soft(*step) ? Missing::when_it_fails : Missing::never);
      }
      arms.push_back(arm(steps.place, equality_expression(equality, "request"), now.first));
      all.reply += (all.reply.empty() ? "" : " ?? ") + now.reply;
      all.whole = all.whole && now.whole;
      all.ends.insert(all.ends.end(), now.ends.begin(), now.ends.end());
    }
    put(chooser, "switch", list_node(std::move(arms), steps.place));
    steps_.entries[at].value = std::move(chooser);
    return all;
  }

  /// A Switch whose conditions may hold together: all whose condition holds run, in their order.
  Outcome run_conditions(const YamlNode& steps, Start start) {
    Outcome now{.first = {}, .reply = {}, .ends = start.after, .whole = false};
    if (start.called) {
      now.first = pass_on("switch", start, steps.place);
      start = {.input = member_of("steps", now.first), .after = {now.first}};
      now.ends = start.after;
    }
    for (const YamlNode& step : steps.items) {
      if (!is_called(step)) continue;
      const YamlNode* const condition = find_member(step, "condition");
      std::string when;
      if (condition != nullptr) {
        const auto equality = gmc_equality(condition->text);
        auto holds = equality ? equality_expression(*equality, "request")
                              : presence_expression(condition->text, "request");
        if (!holds) {
          mistakes_.add(condition->place, holds.error());
          continue;
        }
        when = *std::move(holds);
      }
      Outcome done = run_step(
          step, {.input = input_of(step, start.input, now.reply), .after = now.ends}, when);
      if (done.reply.empty()) continue;
      if (now.first.empty()) now.first = done.first;
      now.reply = now.reply.empty() ? std::move(done.reply) : done.reply + " ?? " + now.reply;
      now.ends = std::move(done.ends);
    }
    return now;
  }

  Outcome run_ensemble(std::string_view node, const YamlNode& steps, Start start) {
    Outcome all;
    if (start.called) {
      all.first = pass_on(node, start, steps.place);
      start = {.input = member_of("steps", all.first), .after = {all.first}};
    }
    YamlNode object = mapping_node(steps.place);
    std::vector<std::string> ends;
    for (std::size_t i = 0; i < steps.items.size(); ++i) {
      const YamlNode& step = steps.items[i];
      if (!is_called(step)) continue;
      const std::string named = text_member(step, "name");
      const std::string key = named.empty() ? std::to_string(i) : named;
      if (find_member(object, key) != nullptr) {
        mistakes_.add(step.place, "the answer of an Ensemble has one member a name, and " +
                                      in_quotes(key) + " is here twice");
        continue;
      }
      const Outcome done = run_step(step, start, {});
      if (done.reply.empty()) continue;
      put(object, key, text_node(template_of(done.reply), step.place));
      ends.insert(ends.end(), done.ends.begin(), done.ends.end());
      if (all.first.empty()) all.first = done.first;
    }
    if (ends.empty()) return {};
    const std::string name = names_.take(node);
    YamlNode joined = mapping_node(steps.place);
    put(joined, "needs", names_node(ends, steps.place));
    put(joined, "input", std::move(object));
    add_step(name, std::move(joined));
    all.reply = member_of("steps", name);
    all.ends = {name};
    return all;
  }

  // --- Steps.

  /// @param when a condition, or empty.
  Outcome run_step(const YamlNode& step, Start start, const std::string& when) {
    if (step.kind != YamlNode::Kind::mapping) {
      mistakes_.add(step.place,
                    "expected a step, as {name: …, externalService: …}, found " + found(step));
      return {};
    }
    const YamlKeys keys(step, "a step",
                        {"name", "nodeName", "internalService", "externalService", "data",
                         "condition", "dependency", "serviceUrl"},
                        mistakes_);
    if (const auto dependency = keys.text("dependency");
        dependency && *dependency != "Soft" && *dependency != "Hard") {
      keys.wrong("dependency",
                 "expected Soft or Hard for 'dependency', found " + in_quotes(*dependency));
    }
    if (steps_.entries.size() >= limits::kFlowSteps) {
      too_many(step.place);
      return {};
    }
    // Each reply may hold the one before it, so that what is handed on doubles.
    if (start.input.size() > limits::kExpressionBytes) {
      mistakes_.add(step.place, "what this step gets depends on too many steps before it");
      return {};
    }
    if (const YamlNode* const node = keys.find("nodeName")) {
      return run_inner_node(step, node->text, std::move(start), when);
    }
    const std::string name = names_.take(step_name(step));
    const auto url = url_of(step, keys);
    if (!url) return {};
    YamlNode service = mapping_node(step.place);
    put(service, "url", *url);
    const bool generates =
        std::ranges::find(kGenerating, text_member(step, "name")) != kGenerating.end();
    put(service, "kind", generates ? "llm" : "custom");
    put(services_, name, std::move(service));

    YamlNode made = mapping_node(step.place);
    put(made, "uses", name);
    add_start(made, start);
    if (!when.empty()) put(made, "when", template_of(when));
    if (is_soft(step)) put(made, "on_error", "skip");
    add_step(name, std::move(made));
    return {.first = name, .reply = member_of("steps", name), .ends = {name}};
  }

  void too_many(std::size_t place) {
    if (!full_) {
      mistakes_.add(place, fmt::format("a flow has at most {} steps, nodes that are reached "
                                       "several times counted each time",
                                       limits::kFlowSteps));
    }
    full_ = true;
  }

  Outcome run_inner_node(const YamlNode& step, const std::string& node, Start start,
                         const std::string& when) {
    const std::size_t place = find_member(step, "nodeName")->place;
    if (is_soft(step)) {
      mistakes_.add(find_member(step, "dependency")->place,
                    "Soft is read for a step that calls a service; say it of the steps of " +
                        in_quotes(node));
    }
    if (when.empty()) return run_node(node, place, std::move(start));
    const std::string name = names_.take(node + ".if");
    YamlNode chooser = mapping_node(place);
    if (!start.after.empty()) put(chooser, "needs", names_node(start.after, place));
    const std::size_t at = reserve(name, place);
    start.called = true;
    Outcome done = run_node(node, place, std::move(start));
    if (done.first.empty()) return {};
    put(chooser, "switch", list_node({arm(place, when, done.first)}, place));
    steps_.entries[at].value = std::move(chooser);
    done.ends.push_back(name);
    done.first = name;
    return done;
  }

  /// What the router passes over: services that others call.
  bool is_called(const YamlNode& step) {
    const YamlNode* const internal = find_member(step, "internalService");
    if (internal == nullptr || text_member(*internal, "isDownstreamService") != "true") return true;
    const std::string name = step_name(step);
    if (std::ranges::find(apart_, name) == apart_.end()) apart_.push_back(name);
    return false;
  }

  static bool is_soft(const YamlNode& step) { return text_member(step, "dependency") == "Soft"; }

  static std::string step_name(const YamlNode& step) {
    const std::string name = text_member(step, "name");
    const YamlNode* const internal = find_member(step, "internalService");
    if (internal == nullptr) return name.empty() ? "step" : name;
    const std::string service = text_member(*internal, "serviceName");
    return service.empty() ? name : service;
  }

  /// @param reply of the step before; empty: there is none.
  std::string input_of(const YamlNode& step, const std::string& input, const std::string& reply) {
    const YamlNode* const from = find_member(step, "data");
    if (from == nullptr || from->text == kRequest) return input;
    if (from->text != kResponse) {
      mistakes_.add(from->place,
                    "expected $request or $response for 'data', found " + in_quotes(from->text));
    }
    return reply.empty() ? input : fmt::format("merge({}, request.parameters)", reply);
  }

  std::optional<std::string> url_of(const YamlNode& step, const YamlKeys& keys) {
    for (const std::string_view key : {"serviceUrl", "externalService"}) {
      if (std::string url = text_member(step, key); !url.empty()) return url;
    }
    const YamlNode* const internal = keys.find("internalService");
    const std::string service = internal == nullptr ? "" : text_member(*internal, "serviceName");
    if (service.empty()) {
      mistakes_.add(step.place,
                    "a step calls a node or a service: nodeName, externalService or "
                    "internalService: {serviceName: …}");
      return {};
    }
    const YamlKeys known(*internal, "'internalService'",
                         {"serviceName", "nameSpace", "config", "isDownstreamService"}, mistakes_);
    const std::string name = text_member(step, "name");
    const auto* const port = std::ranges::find(kGmcSteps, name, &GmcStep::name);
    if (port == kGmcSteps.end()) {
      std::vector<std::string_view> names;
      for (const GmcStep& one : kGmcSteps) names.push_back(one.name);
      mistakes_.add(keys.place("name"),
                    fmt::format("{} is no step that GMC knows{}; of a service of your own say "
                                "where it is: externalService: http://…",
                                in_quotes(name), suggestion(name, names)));
      return {};
    }
    guessed_ = true;
    std::string space = text_member(*internal, "nameSpace");
    if (space.empty()) space = namespace_;
    const YamlNode* const config = find_member(*internal, "config");
    const std::string path = config == nullptr ? "" : text_member(*config, "endpoint");
    return fmt::format("http://{}{}:{}{}", service,
                       space.empty() ? "" : "." + space + ".svc.cluster.local", port->port, path);
  }

  /// What a step gets and waits for. One that a switch calls waits for nothing else.
  static void add_start(YamlNode& step, const Start& start) {
    if (!start.called && !start.after.empty()) {
      put(step, "needs", names_node(start.after, step.place));
    }
    const bool first = start.after.empty() && !start.called;
    if (!(first && start.input == "request")) put(step, "input", template_of(start.input));
  }

  /// A step that only hands on what it gets, so that a switch can name it. @return its name.
  std::string pass_on(std::string_view wanted, const Start& start, std::size_t place) {
    const std::string name = names_.take(std::string(wanted) + ".in");
    YamlNode step = mapping_node(place);
    put(step, "input", template_of(start.input));
    add_step(name, std::move(step));
    return name;
  }

  static YamlNode arm(std::size_t place, const std::string& holds, const std::string& then) {
    YamlNode made = mapping_node(place);
    put(made, "when", template_of(holds));
    put(made, "then", then);
    return made;
  }

  static std::string in_brackets(const std::string& expression) {
    return expression.contains(' ') ? "(" + expression + ")" : expression;
  }

  void add_step(const std::string& name, YamlNode step) { put(steps_, name, std::move(step)); }

  /// A place for a step that stands before those that it calls.
  std::size_t reserve(const std::string& name, std::size_t place) {
    put(steps_, name, mapping_node(place));
    return steps_.entries.size() - 1;
  }

  const YamlNode& root_;
  Mistakes& mistakes_;
  const YamlNode* nodes_ = nullptr;
  std::string namespace_;
  YamlNode flow_;
  YamlNode services_ = mapping_node(0);
  YamlNode steps_ = mapping_node(0);
  StepNames names_;
  std::vector<std::string> notes_;
  std::vector<std::string> inside_;  // Nodes, from the root to the one that is read.
  std::vector<std::string> used_;    // Nodes that some step reaches.
  std::vector<std::string> apart_;   // Services that only others call.
  bool guessed_ = false;             // A port is from GMC's manifests.
  bool full_ = false;                // There are too many steps, which is noted.
  std::size_t visits_ = 0;           // Of nodes.
};

}  // namespace

Translation translate_gmc(const YamlNode& root, Mistakes& mistakes) {
  return GmcReader(root, mistakes).read();
}

}  // namespace opaline::flow
