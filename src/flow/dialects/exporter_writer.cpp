#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "flow/dialects/dialect_writers.hpp"
#include "flow/dialects/tree.hpp"

namespace opaline::flow {
namespace {

using contract::ServiceKind;

/// OPEA's image of a service, and the variable by which its program finds it.
struct Image {
  ServiceKind kind;
  std::string_view image;
  std::string_view variable;
  std::string_view port;
};
constexpr std::array<Image, 4> kImages = {{
    {ServiceKind::embedding, "opea/embedding:1.5", "EMBEDDING_SERVICE", "6000"},
    {ServiceKind::retrieval, "opea/retriever:1.5", "RETRIEVER_SERVICE", "7000"},
    {ServiceKind::reranking, "opea/reranking:1.5", "RERANK_SERVICE", "8000"},
    {ServiceKind::llm, "opea/llm-textgen:1.5", "LLM_SERVICE", "9000"},
}};

const Image* find_image(const ServiceSpec& service) {
  const ServiceKind kind = kind_told(service);
  const auto* const found = std::ranges::find(kImages, kind, &Image::kind);
  return found == kImages.end() ? nullptr : found;
}

/// The program whose flow is that of these kinds, in this order; null when there is none.
const char* program_of(const std::vector<ServiceKind>& kinds) {
  using enum ServiceKind;
  if (kinds == std::vector{embedding, retrieval, reranking, llm}) return "opea/chatqna-wrapper:1.5";
  if (kinds == std::vector{embedding, retrieval, llm}) return "opea/chatqna-without-rerank:1.5";
  if (kinds == std::vector{embedding, retrieval, reranking}) return "opea/doc-index-retriever:1.5";
  if (kinds == std::vector{llm}) return "opea/codegen:1.5";
  return nullptr;
}

}  // namespace

Written write_exporter(const StepFlow& flow) {
  Written written;
  lose_frame(flow, written.losses);
  std::vector<YamlNode> micro;
  std::vector<YamlNode> envs;
  std::vector<ServiceKind> kinds;
  const auto env = [&envs](std::string key, std::string value) {
    YamlNode one = mapping_node(0);
    put(one, std::move(key), std::move(value));
    envs.push_back(std::move(one));
  };
  bool chain = true;
  for (Graph::Node node = 0; node < flow.graph.size(); ++node) {
    const StepSpec& step = flow.steps[node];
    chain = chain && flow.graph.predecessors(node).size() == (node == 0 ? 0 : 1) &&
            (node == 0 || flow.graph.predecessors(node)[0] == node - 1);
    const Image* const image = step.service ? find_image(flow.services[*step.service]) : nullptr;
    // OPEA's program does itself what we write out for its services.
    std::vector<std::string> done_there;
    if (image != nullptr) done_there = {"input", "output", "when"};
    lose_extras(flow, node, written.losses, done_there);
    if (image == nullptr) {
      written.losses.push_back("step '" + step.name +
                               "': OPEA has no image whose program calls it");
      continue;
    }
    kinds.push_back(image->kind);
    const ServiceSpec& service = flow.services[*step.service];
    std::string name = step.name;
    for (char& c : name) c = c == '_' || c == '.' ? '-' : c;
    YamlNode one = mapping_node(0);
    put(one, "service_name", name);
    put(one, "image", std::string(image->image));
    const std::string port(image->port);
    put(one, "ports", list_node({text_node(port + ":" + port, 0)}, 0));
    micro.push_back(std::move(one));
    if (!service.url.empty()) {
      written.losses.push_back("step '" + step.name + "': that it is at " + service.url);
    }
    env(std::string(image->variable) + "_HOST_IP", name);
    env(std::string(image->variable) + "_PORT", port);
  }
  const char* const program = chain ? program_of(kinds) : nullptr;
  if (program == nullptr) {
    written.losses.emplace_back(
        "the flow itself: the exporter's file names a program of OPEA's that has it, and none has "
        "this one");
  }
  YamlNode mega = mapping_node(0);
  put(mega, "service_name", flow.name + "-backend-server");
  put(mega, "image", program == nullptr ? "opea/" + flow.name : std::string(program));
  const std::string port = std::to_string(flow.port);
  put(mega, "ports", list_node({text_node(port + ":8888", 0)}, 0));
  put(mega, "envs", list_node(std::move(envs), 0));
  written.root = mapping_node(0);
  put(written.root, "micro_services", list_node(std::move(micro), 0));
  put(written.root, "mega_service", list_node({std::move(mega)}, 0));
  return written;
}

}  // namespace opaline::flow
