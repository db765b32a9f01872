#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "flow/dialects/dialect_writers.hpp"
#include "flow/dialects/tree.hpp"

namespace opaline::flow {
namespace {

using contract::ServiceKind;

/// A kind of node of Studio's palette.
struct Palette {
  std::string_view end;  ///< Of the service's path; empty: any of the kind.
  ServiceKind kind;
  std::string_view name;
  std::string_view category;  ///< As Studio's back end compares it.
};
constexpr std::array<Palette, 6> kPalette = {{
    {"/docsum", ServiceKind::llm, "llm_docsum", "LLM"},
    {"", ServiceKind::embedding, "embedding_tei_langchain", "Embeddings"},
    {"", ServiceKind::retrieval, "retriever_redis", "Retreiver"},
    {"", ServiceKind::reranking, "reranking_tei", "Reranking"},
    {"", ServiceKind::llm, "llm_tgi", "LLM"},
    {"/asr", ServiceKind::custom, "asr", "Audio and Speech Recognition"},
}};

const Palette* find_palette(const ServiceSpec& service) {
  const ServiceKind kind = kind_told(service);
  const auto* const found = std::ranges::find_if(kPalette, [&](const Palette& one) {
    return one.kind == kind && service.endpoint.ends_with(one.end);
  });
  return found == kPalette.end() ? nullptr : found;
}

/// Names of nodes, as a list.
YamlNode ids(const std::vector<std::string>& names) {
  std::vector<YamlNode> items;
  for (const std::string& name : names) items.push_back(text_node(name, 0));
  return list_node(std::move(items), 0);
}

YamlNode canvas_node(const std::string& id, const std::string& name, std::string_view category) {
  YamlNode node = mapping_node(0);
  put(node, "id", id);
  put(node, "name", name);
  put(node, "category", std::string(category));
  return node;
}

}  // namespace

Written write_studio(const StepFlow& flow) {
  Written written;
  lose_frame(flow, written.losses);
  std::vector<std::string> names(flow.graph.size());
  YamlNode nodes = mapping_node(0);
  std::vector<std::string> first;
  std::vector<std::string> last;
  for (Graph::Node node = 0; node < flow.graph.size(); ++node) {
    const StepSpec& step = flow.steps[node];
    const Palette* const palette =
        step.service ? find_palette(flow.services[*step.service]) : nullptr;
    // Its back end does itself what we write out for its services.
    std::vector<std::string> done_there;
    if (palette != nullptr) done_there = {"input", "output"};
    if (palette != nullptr && palette->name != "llm_tgi") done_there.emplace_back("when");
    lose_extras(flow, node, written.losses, done_there);
    if (palette == nullptr) {
      written.losses.push_back("step '" + step.name + "': Studio has no node for it");
      continue;
    }
    const ServiceSpec& service = flow.services[*step.service];
    if (!service.url.empty() && !service.url.starts_with("http://opea-")) {
      written.losses.push_back("step '" + step.name + "': that it is at " + service.url);
    }
    names[node] = "opea_service@" + std::string(palette->name) + "_" + std::to_string(node);
    put(nodes, names[node],
        canvas_node(names[node], "opea_service@" + std::string(palette->name), palette->category));
    if (flow.graph.predecessors(node).empty()) first.push_back(names[node]);
    if (flow.graph.successors(node).empty()) last.push_back(names[node]);
  }
  for (Graph::Node node = 0; node < flow.graph.size(); ++node) {
    const auto entry = std::ranges::find(nodes.entries, names[node], &YamlNode::Entry::key);
    if (names[node].empty() || entry == nodes.entries.end()) continue;
    std::vector<std::string> from;
    std::vector<std::string> to;
    for (const Graph::Node one : flow.graph.predecessors(node)) {
      if (!names[one].empty()) from.push_back(names[one]);
    }
    for (const Graph::Node one : flow.graph.successors(node)) {
      if (!names[one].empty()) to.push_back(names[one]);
    }
    if (from.empty()) from.emplace_back("chat_input_0");
    if (to.empty()) to.emplace_back("chat_completion_0");
    put(entry->value, "inMegaservice", plain_node("true", 0));
    put(entry->value, "params", mapping_node(0));
    put(entry->value, "connected_from", ids(from));
    put(entry->value, "connected_to", ids(to));
  }
  YamlNode input = canvas_node("chat_input_0", "chat_input", "Controls");
  put(input, "inMegaservice", plain_node("false", 0));
  put(input, "params", mapping_node(0));
  put(input, "connected_from", ids({}));
  put(input, "connected_to", ids(first));
  YamlNode output = canvas_node("chat_completion_0", "chat_completion", "Controls");
  put(output, "inMegaservice", plain_node("false", 0));
  put(output, "params", mapping_node(0));
  put(output, "connected_from", ids(last));
  put(output, "connected_to", ids({}));
  put(nodes, "chat_input_0", std::move(input));
  put(nodes, "chat_completion_0", std::move(output));
  written.root = mapping_node(0);
  put(written.root, "id", flow.name);
  put(written.root, "name", flow.name);
  put(written.root, "chat_input_ids", ids({"chat_input_0"}));
  put(written.root, "chat_completion_ids", ids({"chat_completion_0"}));
  put(written.root, "doc_input_ids", ids({}));
  put(written.root, "file_input_ids", ids({}));
  put(written.root, "nodes", std::move(nodes));
  return written;
}

}  // namespace opaline::flow
