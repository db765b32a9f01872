#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "contract/service.hpp"
#include "flow/graph.hpp"
#include "flow/yaml_reader.hpp"

namespace opaline::flow {

/// One microservice of a flow file.
struct ServiceSpec {
  std::string name;
  contract::ServiceKind kind = contract::ServiceKind::llm;
  /// Where it runs: a URL without a path ("http://host:8081", "unix:/run/x.sock"), or empty for a
  /// service of our own, in this process or a child of it.
  std::string url;
  std::string endpoint;  ///< Path of its own port or of the URL, e.g. "/v1/embeddings".
  std::optional<std::uint16_t> port;  ///< It is also served here, on this port, when it is ours.
  std::string host = "127.0.0.1";     ///< The address that `port` listens on.
  /// What only some have: model, api_key ("env:NAME"), mode (llm: "generate" or "extract"), run
  /// ("here" or "child"), tool (of the MCP server at `url`), generates (custom: "true").
  std::map<std::string, std::string> options;

  /// It takes the sampling parameters of a request, and streams when a stream is wanted.
  [[nodiscard]] bool generates() const {
    return kind == contract::ServiceKind::llm || options.contains("generates");
  }
  /// Ours, and asks a model, which is in a process of its own.
  [[nodiscard]] bool runs_in_child() const;

  friend bool operator==(const ServiceSpec&, const ServiceSpec&) = default;
};

/// A checked flow file: every name resolves, the graph has no cycle, every edge joins kinds that
/// fit.
struct FlowSpec {
  std::vector<ServiceSpec> services;  ///< Those in the flow first; each part in the file's order.
  Graph graph;                        ///< Node i is services[i] for those in the flow.
  std::string host = "127.0.0.1";     ///< An IP address to listen on.
  std::uint16_t port = 8080;
  std::string endpoint = "/v1/chatqna";
  std::vector<std::string> notes;  ///< What is right but may surprise; for people.

  /// A step is of the kind `custom`: what passes between the steps is JSON (see Orchestrator), else
  /// typed messages (see Runner).
  [[nodiscard]] bool passes_json() const;

  friend bool operator==(const FlowSpec&, const FlowSpec&) = default;
};

/// Reads the RFC's YAML (docs/flows.md): `opea_micro_services` (map of name → {endpoint, port,
/// host, …}, or a list) and `opea_mega_service` {port, host, endpoint, mega_flow: ["a >> b >> c",
/// "(a, b) >> c"]}. An endpoint that is a whole URL, or a host that is not local, makes the service
/// remote. @param name the file's name for messages.
/// @error invalid_argument: "flow.yaml:3:5: unknown key 'prot'; did you mean 'port'?": always file,
/// line, column, what was expected, and a suggestion when one is near. All mistakes of the file are
/// listed, one a line.
[[nodiscard]] base::Result<FlowSpec> read_flow(std::string_view yaml, const std::string& name);
/// The same of what was read already. @param mistakes of that reading; @param text the file's.
[[nodiscard]] base::Result<FlowSpec> read_flow(const YamlNode& root, std::string_view text,
                                               const std::string& name, Mistakes mistakes);
/// The same from a file. @error not_found; permission_denied; invalid_argument (also: no regular
/// file, or above limits::kFlowFileBytes); unavailable: it cannot be read.
[[nodiscard]] base::Result<FlowSpec> load_flow(const std::filesystem::path& file);
/// The flow that runs without a file: ChatQnA on built-in services, on port 8080.
[[nodiscard]] FlowSpec built_in_flow();

}  // namespace opaline::flow
