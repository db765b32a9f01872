#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <optional>
#include <utility>

#include "base/limits.hpp"
#include "flow/dialects/dialect_writers.hpp"
#include "flow/dialects/gmc_condition.hpp"
#include "flow/dialects/gmc_step.hpp"
#include "flow/dialects/tree.hpp"

namespace opaline::flow {
namespace {

/// Ends of paths that tell a name, for services of one's own.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kPaths = {{
    {"/docsum", "DocSum"},
    {"/asr", "Whisper"},
    {"/audio/transcriptions", "Asr"},
    {"/tts", "SpeechT5"},
    {"/audio/speech", "Tts"},
    {"/web_retrieval", "WebRetriever"},
    {"/rerank", "TeiReranking"},
}};

/// A text of an expression, in either kind of quotes.
std::optional<std::string> literal_value(std::string_view text) {
  if (text.size() >= 2 && text.starts_with('\'') && text.ends_with('\'') &&
      text.find_first_of("'\\", 1) == text.size() - 1) {
    return std::string(text.substr(1, text.size() - 2));
  }
  boost::system::error_code error;
  const auto value = boost::json::parse(text, error);
  if (error || !value.is_string()) return {};
  return std::string(value.get_string());
}

/// `request.model == 'large'` as GMC's `model==large`.
std::optional<std::string> gmc_condition(std::string_view expression) {
  const std::size_t equals = expression.find(" == ");
  if (equals == std::string_view::npos) return {};
  const auto value = literal_value(expression.substr(equals + 4));
  std::string_view member = expression.substr(0, equals);
  if (member.starts_with("string(") && member.ends_with(')')) {
    member = member.substr(7, member.size() - 8);
  }
  std::optional<std::string> key;
  if (member.starts_with("request.")) {
    key = member.substr(8);
  } else if (member.starts_with("request[") && member.ends_with(']')) {
    key = literal_value(member.substr(8, member.size() - 9));
  }
  if (!key || !value) return {};
  const std::string text = *key + "==" + *value;
  const auto read = gmc_equality(text);  // As GMC will.
  return read && read->key == *key && read->value == *value ? std::optional(text) : std::nullopt;
}

class GmcWriter {
 public:
  explicit GmcWriter(const StepFlow& flow) : flow_(flow), after_(reduced(flow)) {}

  Written write() {
    const std::string root = names_.take("root");
    lose_frame(flow_, written_.losses);
    std::vector<Graph::Node> roots;
    for (Graph::Node node = 0; node < flow_.graph.size(); ++node) {
      if (flow_.graph.predecessors(node).empty()) roots.push_back(node);
    }
    std::vector<YamlNode> steps;
    write_from(roots, {}, steps);
    put_node(root, "Sequence", std::move(steps), Position::first);
    YamlNode metadata = mapping_node(0);
    std::string name = flow_.name;
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? char(c + ('a' - 'A')) : c == '_' ? '-' : c;
    });
    put(metadata, "name", name);
    YamlNode router = mapping_node(0);
    put(router, "name", "router");
    put(router, "serviceName", "router-service");
    YamlNode spec = mapping_node(0);
    put(spec, "routerConfig", std::move(router));
    put(spec, "nodes", std::move(nodes_));
    written_.root = mapping_node(0);
    put(written_.root, "apiVersion", "gmc.opea.io/v1alpha3");
    put(written_.root, "kind", "GMConnector");
    put(written_.root, "metadata", std::move(metadata));
    put(written_.root, "spec", std::move(spec));
    return std::move(written_);
  }

 private:
  enum class Position : std::uint8_t { first, last };
  using Nodes = std::vector<Graph::Node>;

  /// What follows each step at once: without edges that a longer way makes needless.
  static std::vector<Nodes> reduced(const StepFlow& flow) {
    const Graph& graph = flow.graph;
    std::vector<std::vector<bool>> reached;
    for (Graph::Node node = 0; node < graph.size(); ++node) {
      reached.push_back(reached_from(graph, node));
    }
    std::vector<Nodes> after(graph.size());
    for (Graph::Node node = 0; node < graph.size(); ++node) {
      for (const Graph::Node next : graph.successors(node)) {
        const bool longer = std::ranges::any_of(graph.successors(node), [&](Graph::Node other) {
          return other != next && reached[other][next];
        });
        if (!longer) after[node].push_back(next);
      }
    }
    return after;
  }

  /// One after another, from steps that start together, until one of `stop` is reached.
  void write_from(Nodes now, const Nodes& stop, std::vector<YamlNode>& steps) {
    while (!now.empty()) {
      if (std::ranges::find_first_of(now, stop) != now.end()) return;
      if (now.size() > 1) {
        now = write_ensemble(now, steps);
        continue;
      }
      const Graph::Node node = now.front();
      if (!flow_.steps[node].arms.empty()) {
        if (++steps_written_ > limits::kFlowSteps) {
          lose(node, "ways that come together only in part");
          return;
        }
        now = write_switch(node, stop, steps);
        continue;
      }
      if (++steps_written_ > limits::kFlowSteps) {
        lose(node, "ways that come together only in part");
        return;
      }
      steps.push_back(step_of(node, steps.empty() && stop.empty()));
      now = after_[node];
    }
  }

  /// @return what follows all of its arms.
  Nodes write_switch(Graph::Node node, const Nodes& stop, std::vector<YamlNode>& steps) {
    const StepSpec& step = flow_.steps[node];
    std::optional<std::vector<bool>> common;
    for (const SwitchArm& arm : step.arms) {
      const std::vector<bool> reached = reached_from(flow_.graph, arm.then);
      if (!common) common = reached;
      for (std::size_t i = 0; i < reached.size(); ++i) (*common)[i] = (*common)[i] && reached[i];
    }
    Nodes join;
    for (Graph::Node one = 0; one < flow_.graph.size(); ++one) {
      const bool first = std::ranges::none_of(
          flow_.graph.predecessors(one), [&](Graph::Node before) { return (*common)[before]; });
      if ((*common)[one] && first) join.push_back(one);
    }
    std::vector<YamlNode> inside;
    for (const SwitchArm& arm : step.arms) {
      const auto condition =
          arm.when ? gmc_condition(arm.when->text()) : std::optional<std::string>();
      if (!condition) {
        lose(node, arm.when ? "the condition " + arm.when->text() +
                                  " (GMC's Switch compares a member of the request with a text)"
                            : "'else'");
        continue;
      }
      std::vector<YamlNode> chain;
      Nodes ends = stop;
      ends.insert(ends.end(), join.begin(), join.end());
      ends.push_back(flow_.graph.size());  // None: so that it is known to be inside.
      write_from({arm.then}, ends, chain);
      for (YamlNode& one : chain) {
        if (&one == &chain.front()) std::erase_if(one.entries, is_response);
        put(one, "condition", *condition);
        inside.push_back(std::move(one));
      }
    }
    if (inside.empty()) return join;
    const std::string name = names_.take(step.name);
    steps.push_back(node_step(name, inside, steps.empty()));
    put_node(name, "Switch", std::move(inside), Position::last);
    return join;
  }

  static bool is_response(const YamlNode::Entry& entry) {
    return entry.key == "data" && entry.value.text == "$response";
  }

  /// Steps side by side that a step joins by their names, or that are the last ones.
  /// @return what follows.
  Nodes write_ensemble(const Nodes& now, std::vector<YamlNode>& steps) {
    std::vector<YamlNode> inside;
    Nodes join;
    for (const Graph::Node node : now) {
      const Nodes& after = after_[node];
      if (inside.empty()) join = after;
      if (after != join || after.size() > 1) {
        lose(node, "what follows it beside others (GMC joins steps side by side at one step)");
      }
      inside.push_back(step_of(node, true));
    }
    std::string name = "ensemble";
    if (!join.empty()) {
      const StepSpec& joined = flow_.steps[join.front()];
      name = joined.name;
      if (is_object_of(joined, now)) {
        join = after_[join.front()];
      } else {
        lose(join.front(), "how it merges what steps side by side found");
      }
    }
    name = names_.take(name);
    steps.push_back(node_step(name, inside, steps.empty()));
    put_node(name, "Ensemble", std::move(inside), Position::last);
    return join;
  }

  /// Whether all a step does is to make an object of the replies, which is what an Ensemble
  /// answers.
  bool is_object_of(const StepSpec& joined, const Nodes& steps) const {
    if (joined.service || joined.sub_flow || !joined.arms.empty() || !joined.input) return false;
    const auto parts = joined.input->expressions();
    return parts.size() == steps.size() && std::ranges::all_of(parts, [&](const auto& part) {
             return std::ranges::any_of(steps, [&](Graph::Node step) {
               return part.expression.text() == member_of("steps", flow_.graph.name(step));
             });
           });
  }

  YamlNode step_of(Graph::Node node, bool first) {
    const StepSpec& step = flow_.steps[node];
    YamlNode written = mapping_node(0);
    for (const std::string& key : extras_of(flow_, node)) {
      if (key == "on_error" && step.on_error == OnError::skip) continue;
      if (key == "input" && takes_request(step)) continue;
      if (key == "when" && waits_for_passages(step)) continue;
      lose(node, "'" + key + "'");
    }
    if (!step.service) {
      lose(node, step.sub_flow ? "the flow " + flow_.flows[*step.sub_flow].file : "it computes");
      put(written, "name", "Router");
      return written;
    }
    const ServiceSpec& service = flow_.services[*step.service];
    const std::string_view name = step_name(step.name, service);
    if (name.empty()) {
      lose(node, "its service: GMC has no step for " + service.endpoint);
    }
    put(written, "name", std::string(name.empty() ? "Router" : name));
    if (!first && !takes_request(step)) put(written, "data", "$response");
    if (!service.url.empty()) {
      put(written, "externalService", service.url + service.endpoint);
    } else {
      YamlNode config = mapping_node(0);
      put(config, "endpoint", service.endpoint);
      YamlNode internal = mapping_node(0);
      put(internal, "serviceName", service.name + "-svc");
      put(internal, "config", std::move(config));
      put(written, "internalService", std::move(internal));
    }
    put(written, "dependency", step.on_error == OnError::skip ? "Soft" : "Hard");
    return written;
  }

  /// A reranking of OPEA's answers a list without passages with another one.
  bool waits_for_passages(const StepSpec& step) const {
    return step.service && flow_.services[*step.service].kind == contract::ServiceKind::reranking &&
           step.when->text().starts_with("len(steps") &&
           step.when->text().ends_with(".retrieved_docs) > 0");
  }

  static bool takes_request(const StepSpec& step) {
    const auto* const single = step.input ? step.input->find_single() : nullptr;
    return single != nullptr && single->expression.text() == "request";
  }

  static YamlNode node_step(const std::string& node, const std::vector<YamlNode>& inside,
                            bool first) {
    YamlNode step = mapping_node(0);
    put(step, "name", inside.empty() ? std::string("Router") : text_member(inside[0], "name"));
    if (!first) put(step, "data", "$response");
    put(step, "nodeName", node);
    return step;
  }

  static std::string_view step_name(std::string_view step, const ServiceSpec& service) {
    if (service.kind == contract::ServiceKind::embedding) {
      return service.endpoint.ends_with("/embed") ? "TeiEmbedding" : "Embedding";
    }
    if (service.kind == contract::ServiceKind::retrieval) return "Retriever";
    if (service.kind == contract::ServiceKind::reranking) {
      return service.endpoint.ends_with("/rerank") ? "TeiReranking" : "Reranking";
    }
    for (const auto& [end, name] : kPaths) {
      if (service.endpoint.ends_with(end)) return name;
    }
    if (service.kind == contract::ServiceKind::llm) return "Llm";
    for (const auto& [end, name] :
         {std::pair{"/embeddings", "Embedding"}, std::pair{"/retrieval", "Retriever"},
          std::pair{"/reranking", "Reranking"}, std::pair{"/embed", "TeiEmbedding"}}) {
      if (service.endpoint.ends_with(end)) return name;
    }
    const auto* const same = std::ranges::find(kGmcSteps, step, &GmcStep::name);
    return same == kGmcSteps.end() ? std::string_view() : same->name;
  }

  static std::vector<bool> reached_from(const Graph& graph, Graph::Node start) {
    std::vector<bool> seen(graph.size());
    Nodes open{start};
    while (!open.empty()) {
      const Graph::Node node = open.back();
      open.pop_back();
      if (seen[node]) continue;
      seen[node] = true;
      for (const Graph::Node next : graph.successors(node)) open.push_back(next);
    }
    return seen;
  }

  void put_node(const std::string& name, std::string type, std::vector<YamlNode> steps,
                Position position) {
    YamlNode node = mapping_node(0);
    put(node, "routerType", std::move(type));
    put(node, "steps", list_node(std::move(steps), 0));
    put(nodes_, name, std::move(node));
    if (position == Position::first) {
      std::ranges::rotate(nodes_.entries, nodes_.entries.end() - 1);
    }
  }

  void lose(Graph::Node node, const std::string& what) {
    std::string loss = "step '" + flow_.graph.name(node) + "': " + what;
    if (std::ranges::find(written_.losses, loss) == written_.losses.end()) {
      written_.losses.push_back(std::move(loss));
    }
  }

  const StepFlow& flow_;
  const std::vector<Nodes> after_;  // Of each step.
  Written written_;
  YamlNode nodes_ = mapping_node(0);
  StepNames names_;  // Of nodes.
  std::size_t steps_written_ = 0;
};

}  // namespace

Written write_gmc(const StepFlow& flow) { return GmcWriter(flow).write(); }

}  // namespace opaline::flow
