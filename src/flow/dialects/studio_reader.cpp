#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/limits.hpp"
#include "flow/dialects/dialect.hpp"
#include "flow/dialects/tree.hpp"

/// A flow of Studio is a canvas of nodes, each with its settings and the nodes that it gets
/// something from. What its back end, a program of OPEA's core, does between two services
/// (app-backend/megaservice.py: align_inputs, align_outputs) is written out as `input` and
/// `output`.

namespace opaline::flow {
namespace {

enum class Role : std::uint8_t { embedding, retrieval, reranking, llm, summary, agent, asr };

/// What Studio's templates say of a node's service.
struct KnownNode {
  std::string_view name;
  Role role;
  unsigned port;
  std::string_view path;
};
constexpr std::array<KnownNode, 10> kKnownNodes = {{
    {"embedding_tei_langchain", Role::embedding, 6000, "/v1/embeddings"},
    {"retriever_redis", Role::retrieval, 7000, "/v1/retrieval"},
    {"reranking_tei", Role::reranking, 8000, "/v1/reranking"},
    {"llm_tgi", Role::llm, 9000, "/v1/chat/completions"},
    {"llm_codegen", Role::llm, 9000, "/v1/chat/completions"},
    {"llm_docsum", Role::summary, 9000, "/v1/docsum"},
    {"rag_agent", Role::agent, 9090, "/v1/chat/completions"},
    {"sql_agent", Role::agent, 9090, "/v1/chat/completions"},
    {"supervisor_agent", Role::agent, 9090, "/v1/chat/completions"},
    {"asr", Role::asr, 7066, "/v1/asr"},
}};
constexpr std::string_view kService = "opea_service@";
constexpr std::string_view kQuestion = "question(request.messages)";

/// Settings of a node that its service takes with each request; the others are of its start.
constexpr std::array<std::string_view, 13> kRequestSettings = {"chat_template",
                                                               "distance_threshold",
                                                               "fetch_k",
                                                               "frequency_penalty",
                                                               "k",
                                                               "lambda_mult",
                                                               "max_tokens",
                                                               "search_type",
                                                               "presence_penalty",
                                                               "temperature",
                                                               "top_k",
                                                               "top_n",
                                                               "top_p"};

/// A node, wherever the file has what belongs to it.
struct CanvasNode {
  std::string id;
  const YamlNode* body = nullptr;
  std::size_t place = 0;
  std::vector<std::string> from;
  std::vector<std::pair<std::string, const YamlNode*>> settings;
};

class StudioReader {
 public:
  StudioReader(const YamlNode& root, Mistakes& mistakes) : root_(root), mistakes_(mistakes) {}

  Translation read() {
    read_nodes();
    find_steps();
    if (order_.empty() && mistakes_.empty()) {
      mistakes_.add(root_.place, "no service follows a chat_input or file_input");
    }
    if (!mistakes_.empty()) return {};
    for (const std::size_t node : order_) {
      named_.emplace_back(nodes_[node].id, names_.take(short_id(nodes_[node].id)));
    }
    for (const std::size_t node : order_) add_step(nodes_[node]);
    Translation result;
    result.root = mapping_node(root_.place);
    const std::string name = text_member(root_, "name");
    put(result.root, "flow", StepNames().take(name.empty() ? "studio" : name));
    put(result.root, "endpoint", "/v1/app-backend");
    put(result.root, "port", plain_node("8899", root_.place));
    put(result.root, "services", std::move(services_));
    put(result.root, "steps", std::move(steps_));
    note_what_is_left(result.notes);
    return result;
  }

 private:
  // --- The canvas, in each of its three forms.

  void read_nodes() {
    const YamlNode* const canvas = find_member(root_, "flowData");
    const YamlNode& holder = canvas == nullptr ? root_ : *canvas;
    const YamlNode* const nodes = find_member(holder, "nodes");
    if (nodes == nullptr) return;
    for (const YamlNode& one : nodes->items) {
      const YamlNode* const inner = find_member(one, "data");
      read_node(inner == nullptr ? one : *inner, one.place);
    }
    for (const YamlNode::Entry& one : nodes->entries) read_node(one.value, one.place);
    if (nodes_.size() > limits::kFlowSteps) {
      mistakes_.add(nodes->place, fmt::format("a flow has at most {} nodes", limits::kFlowSteps));
      nodes_.clear();
    }
  }

  void read_node(const YamlNode& body, std::size_t place) {
    CanvasNode node{.id = text_member(body, "id"), .body = &body, .place = place};
    if (node.id.empty()) {
      mistakes_.add(place, "a node needs an 'id'");
      return;
    }
    if (std::ranges::find(nodes_, node.id, &CanvasNode::id) != nodes_.end()) {
      mistakes_.add(place, "the node " + in_quotes(node.id) + " is here twice");
      return;
    }
    // The canvas has a reference for an input that another node gives, workflow-info a list.
    if (const YamlNode* const inputs = find_member(body, "inputs")) {
      for (const YamlNode::Entry& input : inputs->entries) {
        constexpr std::string_view kEnd = ".data.instance}}";
        const std::string_view text = input.value.text;
        if (text.starts_with("{{") && text.ends_with(kEnd)) {
          node.from.emplace_back(text.substr(2, text.size() - 2 - kEnd.size()));
        } else {
          node.settings.emplace_back(input.key, &input.value);
        }
      }
    }
    if (const YamlNode* const before = find_member(body, "connected_from")) {
      for (const YamlNode& one : before->items) node.from.push_back(one.text);
    }
    if (const YamlNode* const params = find_member(body, "params")) {
      for (const YamlNode::Entry& one : params->entries) {
        node.settings.emplace_back(one.key, &one.value);
      }
    }
    nodes_.push_back(std::move(node));
  }

  [[nodiscard]] bool follows(const CanvasNode& node, std::string_view id) const {
    return std::ranges::find(node.from, id) != node.from.end();
  }

  static std::string_view kind_of(const CanvasNode& node) {
    const YamlNode* const name = find_member(*node.body, "name");
    const std::string_view text = name == nullptr ? std::string_view() : name->text;
    return text.starts_with(kService) ? text.substr(kService.size()) : text;
  }

  static bool flag(const CanvasNode& node, std::string_view key) {
    return text_member(*node.body, key) == "true";
  }

  // --- Which services a request goes through: those that the inputs lead to.

  void find_steps() {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const std::string_view kind = kind_of(nodes_[i]);
      if (kind == "chat_input" || kind == "file_input") open.push_back(i);
    }
    if (open.empty() && !nodes_.empty()) {
      mistakes_.add(root_.place,
                    "the flow has no chat_input and no file_input: where a request starts");
      return;
    }
    std::vector<bool> seen(nodes_.size());
    for (std::size_t next = 0; next < open.size(); ++next) {
      const CanvasNode& node = nodes_[open[next]];
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (seen[i] || !follows(nodes_[i], node.id)) continue;
        seen[i] = true;
        if (!flag(nodes_[i], "inMegaservice")) continue;
        open.push_back(i);
        order_.push_back(i);
      }
    }
  }

  // --- One service.

  void add_step(const CanvasNode& node) {
    const std::string_view kind = kind_of(node);
    const auto* const known = std::ranges::find(kKnownNodes, kind, &KnownNode::name);
    if (known == kKnownNodes.end()) {
      std::vector<std::string_view> names;
      for (const KnownNode& one : kKnownNodes) names.push_back(one.name);
      mistakes_.add(node.place, in_quotes(kind) + " is no service that Studio's back end knows" +
                                    suggestion(kind, names));
      return;
    }
    const std::string& name = *find_named(node.id);
    YamlNode service = mapping_node(node.place);
    std::string host = short_id(node.id);
    std::ranges::replace(host, '_', '-');
    put(service, "url", fmt::format("http://opea-{}:{}{}", host, known->port, known->path));
    const bool generates =
        known->role == Role::llm || known->role == Role::summary || known->role == Role::agent;
    put(service, "kind", generates ? "llm" : "custom");
    put(services_, name, std::move(service));

    YamlNode step = mapping_node(node.place);
    put(step, "uses", name);
    std::vector<std::string> needs;
    for (const std::string& before : node.from) {
      const std::string* const step_before = find_named(before);
      if (step_before != nullptr) needs.push_back(*step_before);
    }
    if (!needs.empty()) put(step, "needs", names_node(needs, node.place));
    write_wire(known->role, node, step);
    put(steps_, name, std::move(step));
  }

  /// What goes to the service and what comes of it, as Studio's back end has it.
  void write_wire(Role role, const CanvasNode& node, YamlNode& step) {
    YamlNode input = mapping_node(node.place);
    YamlNode output = mapping_node(node.place);
    const std::string embedded = reply_before(node, Role::embedding);
    const std::string retrieved = reply_before(node, Role::retrieval);
    const std::string reranked = reply_before(node, Role::reranking);
    const std::string heard = reply_before(node, Role::asr);
    switch (role) {
      case Role::embedding:
        put(input, "input", template_of(kQuestion));
        put(output, "text", template_of(kQuestion));
        put(output, "embedding", template_of("output.data[0].embedding"));
        break;
      case Role::retrieval:
        put(input, "text", template_of(kQuestion));
        if (!embedded.empty()) put(input, "embedding", template_of(embedded + ".embedding"));
        break;
      case Role::reranking:
        if (!retrieved.empty()) {
          put(step, "when", template_of("len(" + retrieved + ".retrieved_docs) > 0"));
          put(input, "retrieved_docs", template_of(retrieved + ".retrieved_docs"));
        }
        put(input, "initial_query", template_of(kQuestion));
        break;
      case Role::llm:
      case Role::agent:
        if (!reranked.empty()) {
          put(input, "query", template_of(kQuestion));
          put(input, "documents", template_of(reranked + ".documents ?? []"));
        } else if (!retrieved.empty()) {
          put(input, "query", template_of(kQuestion));
          put(input, "documents", template_of("pluck(" + retrieved + ".retrieved_docs, 'text')"));
        } else {
          put(input, "messages", template_of("request.messages"));
        }
        break;
      case Role::summary:
        put(input, "messages",
            template_of(heard.empty() ? std::string(kQuestion)
                                      : fmt::format("{}.asr_result ?? {}", heard, kQuestion)));
        break;
      case Role::asr:
        put(step, "when", template_of("request.type == 'audio'"));
        put(input, "audio", template_of(kQuestion));
        break;
    }
    for (const auto& [key, value] : node.settings) {
      if (std::ranges::find(kRequestSettings, key) == kRequestSettings.end()) continue;
      if (value->kind != YamlNode::Kind::scalar || value->text.empty()) continue;
      if (find_member(input, key) != nullptr) continue;
      YamlNode setting = *value;
      setting.text = escaped(setting.text);
      put(input, key, std::move(setting));
    }
    put(step, "input", std::move(input));
    if (!output.entries.empty()) put(step, "output", std::move(output));
  }

  /// The reply of a step before `node` that plays `role`; empty: there is none.
  [[nodiscard]] std::string reply_before(const CanvasNode& node, Role role) const {
    for (const std::string& id : node.from) {
      const auto found = std::ranges::find(nodes_, id, &CanvasNode::id);
      if (found == nodes_.end()) continue;
      const auto* const known = std::ranges::find(kKnownNodes, kind_of(*found), &KnownNode::name);
      const std::string* const step = find_named(id);
      if (step != nullptr && known != kKnownNodes.end() && known->role == role) {
        return member_of("steps", *step);
      }
    }
    return {};
  }

  [[nodiscard]] const std::string* find_named(std::string_view id) const {
    const auto found = std::ranges::find(named_, id, &std::pair<std::string, std::string>::first);
    return found == named_.end() ? nullptr : &found->second;
  }

  /// A text that has no expressions, whatever it looks like.
  static std::string escaped(std::string text) {
    for (std::size_t at = text.find("${"); at != std::string::npos; at = text.find("${", at + 3)) {
      text.insert(at, 1, '$');
    }
    return text;
  }

  static std::string short_id(std::string_view id) {
    return std::string(id.starts_with(kService) ? id.substr(kService.size()) : id);
  }

  void note_what_is_left(std::vector<std::string>& notes) const {
    notes.emplace_back(
        "services are where Studio puts them on Kubernetes, http://opea-NODE; models and tokens "
        "are "
        "settings of the services, not of the flow");
    std::vector<std::string_view> apart;
    for (const CanvasNode& node : nodes_) {
      const bool control = text_member(*node.body, "category") == "Controls";
      if (!control && find_named(node.id) == nullptr) apart.push_back(node.id);
    }
    if (!apart.empty()) notes.push_back("not called by the flow: " + listed(apart));
  }

  const YamlNode& root_;
  Mistakes& mistakes_;
  std::vector<CanvasNode> nodes_;
  std::vector<std::size_t> order_;                          // Nodes that are steps.
  std::vector<std::pair<std::string, std::string>> named_;  // Node, step.
  YamlNode services_ = mapping_node(0);
  YamlNode steps_ = mapping_node(0);
  StepNames names_;
};

}  // namespace

Translation translate_studio(const YamlNode& root, Mistakes& mistakes) {
  return StudioReader(root, mistakes).read();
}

}  // namespace opaline::flow
