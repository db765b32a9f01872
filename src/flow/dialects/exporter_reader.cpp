#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "flow/dialects/dialect.hpp"
#include "flow/dialects/tree.hpp"

/// An exporter's file lists containers. Its flow is in the program of the megaservice's image,
/// which finds its services by environment variables: those tell which steps there are, and OPEA's
/// programs have them in the order below.

namespace opaline::flow {
namespace {

/// A variable of OPEA's programs: `EMBEDDING_SERVER_HOST_IP`, and `…_PORT` beside it.
struct Role {
  std::string_view variable;
  std::string_view step;  ///< Empty: not a step that the typed form has.
  std::string_view path;
  unsigned port;
};
constexpr std::array<Role, 7> kRoles = {{
    {"EMBEDDING_SERVER", "embedding", "/embed", 80},
    {"EMBEDDING_SERVICE", "embedding", "/v1/embeddings", 6000},
    {"RETRIEVER_SERVICE", "retrieval", "/v1/retrieval", 7000},
    {"RERANK_SERVER", "reranking", "/rerank", 80},
    {"RERANK_SERVICE", "reranking", "/v1/reranking", 8000},
    {"LLM_SERVER", "llm", "/v1/chat/completions", 80},
    {"LLM_SERVICE", "llm", "/v1/chat/completions", 9000},
}};

/// Images of OPEA's programs that are such a chain, and where each is served.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kPrograms = {{
    {"chatqna", "/v1/chatqna"},
    {"chatqna-without-rerank", "/v1/chatqna"},
    {"chatqna-wrapper", "/v1/chatqna"},
    {"doc-index-retriever", "/v1/retrievaltool"},
    {"codegen", "/v1/codegen"},
}};

constexpr std::string_view kHost = "_HOST_IP";

/// "opea/chatqna:latest" → "chatqna".
std::string_view program_of(std::string_view image) {
  image.remove_prefix(std::min(image.rfind('/') + 1, image.size()));
  return image.substr(0, std::min(image.find(':'), image.size()));
}

class ExporterReader {
 public:
  ExporterReader(const YamlNode& root, Mistakes& mistakes) : root_(root), mistakes_(mistakes) {}

  Translation read() {
    const YamlKeys keys(root_, "a file of the exporter",
                        {"global_envs", "micro_services", "mega_service"}, mistakes_);
    const YamlNode* const mega = keys.find("mega_service");
    if (mega == nullptr || mega->kind != YamlNode::Kind::sequence || mega->items.empty() ||
        mega->items[0].kind != YamlNode::Kind::mapping) {
      mistakes_.add(keys.place("mega_service"),
                    "expected '- {service_name: …, image: …, envs: […]}' for 'mega_service'");
      return {};
    }
    if (mega->items.size() > 1) {
      mistakes_.add(mega->items[1].place, "a flow file holds one flow; this is a second one");
    }
    read_mega(mega->items[0]);
    return std::move(result_);
  }

 private:
  void read_mega(const YamlNode& mega) {
    const std::string image = text_member(mega, "image");
    const auto* const program = std::ranges::find(
        kPrograms, program_of(image), &std::pair<std::string_view, std::string_view>::first);
    if (program == kPrograms.end()) {
      std::vector<std::string_view> names;
      for (const auto& one : kPrograms) names.push_back(one.first);
      mistakes_.add(mega.place,
                    fmt::format("the flow is in the program of the image {}, which is not known; "
                                "the known ones are {}. Write the flow out, or start from one of "
                                "the examples",
                                in_quotes(image), listed(names)));
      return;
    }
    read_variables(mega);
    YamlNode services = mapping_node(mega.place);
    std::string line;
    for (const Role& role : kRoles) {
      const YamlNode* const host = find_variable(std::string(role.variable) + std::string(kHost));
      if (host == nullptr) continue;
      if (find_member(services, role.step) != nullptr) {
        mistakes_.add(host->place,
                      fmt::format("there are two services for the step '{}'", role.step));
        continue;
      }
      used_.push_back(host->text);
      YamlNode service = mapping_node(host->place);
      put(service, "url", text_node(url_of(role, *host), host->place));
      put(services, std::string(role.step), std::move(service));
      line += (line.empty() ? "" : " >> ") + std::string(role.step);
    }
    if (line.empty()) {
      mistakes_.add(mega.place,
                    "no variable of 'envs' says where a step is, as EMBEDDING_SERVER_HOST_IP does");
      return;
    }
    YamlNode flow = mapping_node(mega.place);
    if (const auto port = host_port(mega)) put(flow, "port", *port);
    put(flow, "endpoint", std::string(program->second));
    put(flow, "mega_flow", list_node({text_node(line, mega.place)}, mega.place));
    result_.root = mapping_node(root_.place);
    put(result_.root, "opea_micro_services", std::move(services));
    put(result_.root, "opea_mega_service", std::move(flow));
    note_what_is_left(mega);
  }

  void read_variables(const YamlNode& mega) {
    const YamlNode* const envs = find_member(mega, "envs");
    if (envs == nullptr) return;
    for (const YamlNode& one : envs->items) {
      for (const YamlNode::Entry& entry : one.entries)
        variables_.push_back({entry.key, &entry.value});
      if (one.kind == YamlNode::Kind::sequence && one.items.size() == 2) {
        variables_.push_back({one.items[0].text, &one.items[1]});
      }
    }
  }

  [[nodiscard]] const YamlNode* find_variable(std::string_view name) const {
    const auto found =
        std::ranges::find(variables_, name, &std::pair<std::string, const YamlNode*>::first);
    return found == variables_.end() || found->second->text.empty() ? nullptr : found->second;
  }

  std::string url_of(const Role& role, const YamlNode& host) {
    const YamlNode* const port = find_variable(std::string(role.variable) + "_PORT");
    for (const YamlNode* const one : {&host, port}) {
      if (one == nullptr || !one->text.contains('$')) continue;
      mistakes_.add(one->place, "variables are not replaced in a flow file; write the value out");
    }
    return fmt::format("http://{}:{}{}", host.text,
                       port == nullptr ? std::to_string(role.port) : port->text, role.path);
  }

  /// "8888:8888": the one outside of the container.
  std::optional<YamlNode> host_port(const YamlNode& mega) const {
    const YamlNode* const ports = find_member(mega, "ports");
    if (ports == nullptr || ports->items.empty()) return {};
    const YamlNode& first = ports->items[0];
    return plain_node(first.text.substr(0, first.text.find(':')), first.place);
  }

  void note_what_is_left(const YamlNode& mega) {
    std::vector<std::string> apart;
    if (const YamlNode* const services = find_member(root_, "micro_services")) {
      for (const YamlNode& one : services->items) {
        const std::string name = text_member(one, "service_name");
        if (!name.empty() && std::ranges::find(used_, name) == used_.end()) apart.push_back(name);
      }
    }
    if (!apart.empty()) {
      std::vector<std::string_view> names(apart.begin(), apart.end());
      result_.notes.push_back("not called by the flow: " + listed(names));
    }
    result_.notes.push_back(fmt::format(
        "images, volumes, resources and arguments are deployment, which a flow file does not have; "
        "the flow is that of the program {}",
        in_quotes(text_member(mega, "image"))));
  }

  const YamlNode& root_;
  Mistakes& mistakes_;
  Translation result_;
  std::vector<std::pair<std::string, const YamlNode*>> variables_;
  std::vector<std::string> used_;  // Hosts of steps.
};

}  // namespace

Translation translate_exporter(const YamlNode& root, Mistakes& mistakes) {
  return ExporterReader(root, mistakes).read();
}

}  // namespace opaline::flow
