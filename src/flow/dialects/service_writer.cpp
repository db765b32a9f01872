#include "flow/dialects/service_writer.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "flow/dialects/tree.hpp"

namespace opaline::flow {
namespace {

using contract::ServiceKind;

constexpr std::string_view kQuestion = "question(request.messages)";
/// OPEA's, as its ChatQnA puts it to a model.
constexpr std::string_view kPrompt =
    "### You are a helpful, respectful and honest assistant to help the user with questions. "
    "Please "
    "refer to the search results obtained from the local knowledge base. But be careful to not "
    "incorporate the information that you think is not relevant to the question. If you don't know "
    "the answer to a question, please don't share false information.\n### Search results: "
    "${join(DOCUMENTS, '\\n')}\n### Question: ${question(request.messages)}\n### Answer:";

/// One step of a typed flow, as the JSON that its service takes and gives.
class WireWriter {
 public:
  explicit WireWriter(const FlowSpec& flow) : flow_(flow) {}

  void write(Graph::Node node, YamlNode& step) const {
    const ServiceSpec& service = flow_.services[node];
    const bool elsewhere = !service.url.empty();
    switch (service.kind) {
      case ServiceKind::embedding:
        if (elsewhere) write_embedding(service.endpoint.ends_with("/embed"), step);
        break;
      case ServiceKind::retrieval:
        if (elsewhere) write_retrieval(node, step);
        break;
      case ServiceKind::reranking:
        if (const auto found = before(node, ServiceKind::retrieval)) {
          write_reranking(reply(*found), elsewhere, service.endpoint.ends_with("/rerank"), step);
        }
        break;
      case ServiceKind::llm: write_llm(node, elsewhere, step); break;
      case ServiceKind::dataprep:
      case ServiceKind::custom: break;
    }
  }

 private:
  static void write_embedding(bool tei, YamlNode& step) {
    YamlNode input = mapping_node(0);
    put(input, tei ? "inputs" : "input", template_of(kQuestion));
    put(step, "input", std::move(input));
    YamlNode output = mapping_node(0);
    put(output, "text", template_of(kQuestion));
    put(output, "embedding", tei ? "${output[0]}" : "${output.data[0].embedding}");
    put(step, "output", std::move(output));
  }

  void write_retrieval(Graph::Node node, YamlNode& step) const {
    YamlNode input = mapping_node(0);
    put(input, "text", template_of(kQuestion));
    if (const auto embedding = before(node, ServiceKind::embedding)) {
      put(input, "embedding", template_of(reply(*embedding) + ".embedding"));
    }
    put(step, "input", std::move(input));
  }

  static void write_reranking(const std::string& found, bool elsewhere, bool tei, YamlNode& step) {
    const std::string docs = found + ".retrieved_docs";
    put(step, "when", template_of("len(" + docs + ") > 0"));
    if (!elsewhere) return;
    YamlNode input = mapping_node(0);
    put(input, tei ? "query" : "initial_query", template_of(kQuestion));
    if (tei) {
      put(input, "texts", template_of("pluck(" + docs + ", 'text')"));
      YamlNode output = mapping_node(0);
      put(output, "query", template_of(kQuestion));
      put(output, "documents", template_of("[" + docs + "[output[0].index].text]"));
      put(step, "input", std::move(input));
      put(step, "output", std::move(output));
      return;
    }
    put(input, "retrieved_docs", template_of(docs));
    put(step, "input", std::move(input));
  }

  void write_llm(Graph::Node node, bool elsewhere, YamlNode& step) const {
    std::string content;
    if (const auto answer = before(node, ServiceKind::llm)) {
      content = template_of(reply(*answer) + ".choices[0].message.content");
    } else if (elsewhere) {
      const std::string docs = documents_before(node);
      if (docs.empty()) return;  // It gets the request itself.
      content = kPrompt;
      constexpr std::string_view kMark = "DOCUMENTS";
      content.replace(content.find(kMark), kMark.size(), docs);
    } else {
      return;
    }
    YamlNode message = mapping_node(0);
    put(message, "role", "user");
    put(message, "content", std::move(content));
    YamlNode input = mapping_node(0);
    put(input, "messages", list_node({std::move(message)}, 0));
    put(step, "input", std::move(input));
  }

  /// The texts that were found, an expression; empty: nothing searches.
  std::string documents_before(Graph::Node node) const {
    if (const auto ranked = before(node, ServiceKind::reranking)) {
      return reply(*ranked) + ".documents ?? []";
    }
    if (const auto found = before(node, ServiceKind::retrieval)) {
      return "pluck(" + reply(*found) + ".retrieved_docs, 'text')";
    }
    return {};
  }

  std::optional<Graph::Node> before(Graph::Node node, ServiceKind kind) const {
    for (const Graph::Node one : flow_.graph.predecessors(node)) {
      if (flow_.services[one].kind == kind) return one;
    }
    return {};
  }

  std::string reply(Graph::Node node) const { return member_of("steps", flow_.graph.name(node)); }

  const FlowSpec& flow_;
};

}  // namespace

YamlNode service_node(const ServiceSpec& service) {
  YamlNode node = mapping_node(0);
  const auto tool = service.options.find("tool");
  if (tool != service.options.end()) {
    put(node, "mcp", service.url + service.endpoint);
    put(node, "tool", tool->second);
  } else if (service.url.starts_with("unix:")) {
    put(node, "url", service.url);
    put(node, "endpoint", service.endpoint);
  } else if (!service.url.empty()) {
    put(node, "url", service.url + service.endpoint);
  } else {
    if (service.endpoint != contract::default_endpoint(service.kind)) {
      put(node, "endpoint", service.endpoint);
    }
    if (service.host != "127.0.0.1") put(node, "host", service.host);
    if (service.port) put(node, "port", plain_node(std::to_string(*service.port), 0));
  }
  const bool sees = service.options.contains("generates");
  put(node, "kind", sees ? "lvm" : std::string(contract::name(service.kind)));
  for (const auto& [key, value] : service.options) {
    if (key != "tool" && key != "generates") put(node, key, value);
  }
  return node;
}

YamlNode steps_of(const FlowSpec& flow, std::vector<std::string>& notes) {
  YamlNode root = mapping_node(0);
  const std::size_t last = flow.endpoint.rfind('/');
  put(root, "flow", StepNames().take(flow.endpoint.substr(last + 1)));
  if (flow.port != 8080) put(root, "port", plain_node(std::to_string(flow.port), 0));
  if (flow.host != "127.0.0.1") put(root, "host", flow.host);
  put(root, "endpoint", flow.endpoint);
  YamlNode services = mapping_node(0);
  for (const ServiceSpec& one : flow.services) put(services, one.name, service_node(one));
  put(root, "services", std::move(services));
  const WireWriter wire(flow);
  YamlNode steps = mapping_node(0);
  for (Graph::Node node = 0; node < flow.graph.size(); ++node) {
    YamlNode step = mapping_node(0);
    put(step, "uses", flow.services[node].name);
    std::vector<std::string> needs;
    for (const Graph::Node before : flow.graph.predecessors(node)) {
      needs.push_back(flow.graph.name(before));
    }
    if (!needs.empty()) put(step, "needs", names_node(needs, 0));
    if (!flow.passes_json()) wire.write(node, step);
    put(steps, flow.graph.name(node), std::move(step));
  }
  put(root, "steps", std::move(steps));
  const bool elsewhere = std::ranges::any_of(
      flow.services, [](const ServiceSpec& service) { return !service.url.empty(); });
  if (elsewhere && !flow.passes_json()) {
    notes.emplace_back(
        "its steps pass JSON: what a request says of the search (k, score_threshold) reaches a "
        "retrieval elsewhere only where its 'input' says so");
  }
  return root;
}

}  // namespace opaline::flow
