#include "flow/service_entry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "contract/service.hpp"
#include "flow/kind_inference.hpp"
#include "flow/service_address.hpp"

namespace opaline::flow {
namespace {

using contract::ServiceKind;

constexpr std::array<std::string_view, 6> kKindNames = {"embedding", "retrieval", "reranking",
                                                        "llm",       "dataprep",  "custom"};

/// OPEA's other types of services (ServiceType of its core): each takes and gives a JSON of its
/// own.
constexpr std::array<std::string_view, 22> kOtherOpeaTypes = {"animation",
                                                              "arb_post_hearing_assistant",
                                                              "asr",
                                                              "gateway",
                                                              "guardrail",
                                                              "image2image",
                                                              "image2video",
                                                              "knowledge_graph",
                                                              "language_detection",
                                                              "lvm",
                                                              "prompt_registry",
                                                              "prompt_template",
                                                              "ragas",
                                                              "struct2graph",
                                                              "text2cypher",
                                                              "text2graph",
                                                              "text2image",
                                                              "text2kg",
                                                              "text2query",
                                                              "text2sql",
                                                              "tts",
                                                              "undefined"};

/// The text itself is not shown: it may be the key.
bool is_key_reference(std::string_view text) {
  constexpr std::string_view kPrefix = "env:";
  if (!text.starts_with(kPrefix)) return false;
  const std::string_view name = text.substr(kPrefix.size());
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name[0]) && std::ranges::all_of(name, [&letter](char c) {
    return letter(c) || (c >= '0' && c <= '9');
  });
}

class ServiceReader {
 public:
  ServiceReader(ServiceEntry& entry, const YamlKeys& keys, Mistakes& mistakes)
      : entry_(entry), keys_(keys), mistakes_(mistakes) {}

  void read() {
    read_place();
    read_kind();
    complete_endpoint();
    read_options();
    check_run();
  }

 private:
  ServiceSpec& spec() { return entry_.spec; }
  bool remote() const { return !entry_.spec.url.empty(); }

  // --- Where it runs.

  void read_place() {
    if (const auto endpoint = keys_.text("endpoint")) {
      if (is_url(*endpoint)) {
        locate("endpoint", *endpoint);
      } else if (is_endpoint_path(*endpoint)) {
        spec().endpoint = *endpoint;
      } else {
        keys_.wrong("endpoint", "expected a path as '/v1/embeddings' or a whole URL, found " +
                                    in_quotes(*endpoint));
      }
    }
    if (const auto url = keys_.text("url")) locate("url", *url);
    read_mcp();
    if (const auto run = keys_.text("run")) read_run(*run);
    if (located_.empty()) {
      read_host_and_port();
    } else {
      for (const std::string_view key : {"host", "port", "protocol"}) {
        if (!keys_.find(key)) continue;
        keys_.wrong(key,
                    fmt::format("'{}' says where the service is; leave '{}' out", located_, key));
      }
      if (keys_.find("run") && located_ != "run") {
        keys_.wrong("run",
                    fmt::format("'{}' says where the service is; leave 'run' out", located_));
      }
    }
  }

  /// A tool of an MCP server, by the server's URL and the tool's name.
  void read_mcp() {
    const auto server = keys_.text("mcp");
    const auto tool = keys_.text("tool");
    if (server && !is_url(*server)) {
      keys_.wrong("mcp", "expected the URL of an MCP server, found " + in_quotes(*server));
    } else if (server) {
      locate("mcp", *server);
      if (spec().endpoint.empty()) spec().endpoint = "/mcp";
    }
    if (keys_.find("mcp") && !keys_.find("tool"))
      keys_.wrong("mcp", "'tool' is missing: which tool of the MCP server is the step");
    if (keys_.find("tool") && !keys_.find("mcp"))
      keys_.wrong("tool", "'tool' goes with 'mcp', the URL of the server that has it");
    if (tool) spec().options["tool"] = *tool;
  }

  void read_run(const std::string& run) {
    if (is_url(run)) {
      locate("run", run);
    } else if (run == "here" || run == "child") {
      spec().options["run"] = run;
    } else {
      constexpr std::array<std::string_view, 2> kPlaces = {"here", "child"};
      keys_.wrong("run", "expected here, child or a URL for 'run', found " + in_quotes(run) +
                             suggestion(run, kPlaces));
    }
  }

  /// The service is at `url`, which stands under `key`.
  void locate(std::string_view key, const std::string& url) {
    if (!located_.empty()) {
      keys_.wrong(key, fmt::format("'{}' says already where the service is", located_));
      return;
    }
    located_ = key;
    const auto address = split_url(url);
    if (!address) {
      keys_.wrong(key, address.error());
      return;
    }
    spec().url = address->origin;
    if (address->path.empty()) return;
    if (!spec().endpoint.empty()) {
      keys_.wrong(key, "the path stands twice, here and in 'endpoint'; leave one out");
    } else if (!is_endpoint_path(address->path)) {
      keys_.wrong(key, "the path of this URL has characters that no endpoint has");
    } else {
      spec().endpoint = address->path;
    }
  }

  void read_host_and_port() {
    const auto host = keys_.text("host");
    const auto port = keys_.port("port");
    const auto protocol = keys_.text("protocol");
    if (protocol && *protocol != "http" && *protocol != "https") {
      keys_.wrong("protocol",
                  "expected http or https for 'protocol', found " + in_quotes(*protocol));
    }
    const std::string local = local_address(host.value_or("localhost"));
    if (!local.empty()) {
      spec().host = local;
      spec().port = port;
      entry_.port_place = keys_.place("port");
      if (protocol == "https") {
        keys_.wrong("protocol", "a service that runs here speaks http; https is for remote ones");
      }
      return;
    }
    if (spec().options.contains("run")) {
      keys_.wrong("run",
                  fmt::format("the host {} is another machine; leave 'run' out", in_quotes(*host)));
    }
    if (!keys_.find("port")) {
      keys_.wrong("host", fmt::format("the host {} is another machine, so 'port' is needed too",
                                      in_quotes(*host)));
    }
    // Six colons or so and no brackets: an IPv6 address.
    const bool bare_ipv6 = host->contains(':') && is_ip_address(*host);
    const auto address =
        split_url(fmt::format("{}://{}:{}", protocol == "https" ? "https" : "http",
                              bare_ipv6 ? "[" + *host + "]" : *host, port.value_or(80)));
    if (address && address->path.empty()) {
      spec().url = address->origin;
    } else {
      keys_.wrong("host", "expected the name or address of a machine for 'host', found " +
                              in_quotes(*host));
    }
  }

  // --- What it is.

  void read_kind() {
    std::string_view key;
    for (const std::string_view spelling : {"kind", "type", "service_type"}) {
      if (!keys_.find(spelling)) continue;
      if (!key.empty()) keys_.wrong(spelling, fmt::format("the same as '{}'; leave one out", key));
      if (key.empty()) key = spelling;
    }
    if (!key.empty()) {
      explicit_kind(key);
      if (keys_.find("mcp") && entry_.kind_known && spec().kind != ServiceKind::custom)
        keys_.wrong(key, "a tool of an MCP server is of the kind custom; leave this out");
      return;
    }
    if (keys_.find("mcp")) {
      set_kind(ServiceKind::custom);
      return;
    }
    const auto by_name = kind_of_name(spec().name);
    const auto by_endpoint = kind_of_endpoint(spec().endpoint);
    if (by_name && by_endpoint && by_name != by_endpoint) {
      keys_.wrong(
          "endpoint",
          fmt::format("the name {} says {}, the endpoint {} says {}; say which with 'kind:'",
                      in_quotes(spec().name), contract::name(*by_name), in_quotes(spec().endpoint),
                      contract::name(*by_endpoint)));
    } else if (by_name || by_endpoint) {
      set_kind(by_name ? *by_name : *by_endpoint);
    } else if (remote()) {
      set_kind(ServiceKind::custom);
    } else {
      mistakes_.add(entry_.place,
                    fmt::format("cannot tell what kind of service {} is; add 'kind:', one of {}, "
                                "or the URL of a service of your own",
                                in_quotes(spec().name), listed(kKindNames)));
    }
  }

  void explicit_kind(std::string_view key) {
    const auto text = keys_.text(key);
    if (!text) return;
    std::string lower = *text;
    std::ranges::transform(lower, lower.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c + ('a' - 'A')) : c; });
    if (lower.starts_with("servicetype.")) lower.erase(0, lower.find('.') + 1);
    const bool other = std::ranges::find(kOtherOpeaTypes, lower) != kOtherOpeaTypes.end();
    if (lower == contract::name(ServiceKind::custom) || other) {
      set_kind(ServiceKind::custom);
      // A model that sees: it takes the request's parameters and streams, as OPEA has it.
      if (lower == "lvm") spec().options["generates"] = "true";
      if (!remote() && spec().port) {
        keys_.wrong(key,
                    "a service of your own is not served here: say where it is with 'url:', or "
                    "leave 'port' out and let it register itself");
      }
      return;
    }
    if (const auto kind = kind_of_name(lower)) {
      set_kind(*kind);
      return;
    }
    std::string near = suggestion(*text, kKindNames);
    if (near.empty()) near = "; the kinds are " + listed(kKindNames);
    keys_.wrong(key, "unknown kind " + in_quotes(*text) + near);
  }

  void set_kind(ServiceKind kind) {
    spec().kind = kind;
    entry_.kind_known = true;
  }

  void complete_endpoint() {
    if (!entry_.kind_known) return;
    const std::string_view usual = contract::default_endpoint(spec().kind);
    constexpr std::string_view kVersion = "/v1";
    if (spec().endpoint.empty()) {
      spec().endpoint = usual;
    } else if (!located_.empty() && !keys_.find("endpoint") && usual.starts_with(kVersion) &&
               spec().endpoint.ends_with(kVersion)) {
      // The base of an API, as OpenAI's clients take it: "https://host/v1".
      spec().endpoint += usual.substr(kVersion.size());
    }
  }

  // --- What only some have.

  void read_options() {
    if (const auto key = keys_.text("api_key")) {
      if (!is_key_reference(*key)) {
        keys_.wrong("api_key",
                    "a key must not stand in the file; put it into an environment variable and "
                    "write 'api_key: env:NAME'");
      } else if (located_.empty() && !remote()) {
        keys_.wrong("api_key", "this service runs here; 'api_key' is for remote ones");
      } else {
        spec().options["api_key"] = *key;
      }
    }
    if (const auto model = keys_.text("model")) {
      if (only_for("model", {ServiceKind::embedding, ServiceKind::reranking, ServiceKind::llm})) {
        spec().options["model"] = *model;
      }
    }
    if (const auto mode = keys_.text("mode"); mode && only_for("mode", {ServiceKind::llm})) {
      constexpr std::array<std::string_view, 2> kModes = {"generate", "extract"};
      if (std::ranges::find(kModes, *mode) != kModes.end()) {
        spec().options["mode"] = *mode;
      } else {
        keys_.wrong("mode", "expected generate or extract for 'mode', found " + in_quotes(*mode) +
                                suggestion(*mode, kModes));
      }
    }
  }

  void check_run() {
    const auto run = spec().options.find("run");
    if (!entry_.kind_known || run == spec().options.end() || remote()) return;
    if (const std::string why = misplaced(spec(), run->second); !why.empty())
      keys_.wrong("run", why);
  }

  bool only_for(std::string_view key, std::initializer_list<ServiceKind> kinds) const {
    if (!entry_.kind_known) return false;
    if (std::ranges::find(kinds, entry_.spec.kind) != kinds.end()) return true;
    std::vector<std::string_view> names;
    for (const ServiceKind kind : kinds) names.push_back(contract::name(kind));
    keys_.wrong(key, fmt::format("'{}' is for services of the kind {}, this one is of the kind {}",
                                 key, listed(names), contract::name(entry_.spec.kind)));
    return false;
  }

  ServiceEntry& entry_;
  const YamlKeys& keys_;
  Mistakes& mistakes_;
  std::string_view located_;  // The key that holds the URL; empty without one.
};

}  // namespace

std::string misplaced(const ServiceSpec& service, std::string_view run) {
  const std::string kind(contract::name(service.kind));
  const auto mode = service.options.find("mode");
  const bool quotes = mode != service.options.end() && mode->second == "extract";
  switch (service.kind) {
    case ServiceKind::embedding:
    case ServiceKind::reranking:
    case ServiceKind::llm:
      if (quotes || run != "here") return {};
      return "models run in child processes, so that a crash of one takes nothing else with it; "
             "leave 'run' out";
    case ServiceKind::retrieval:
    case ServiceKind::dataprep:
      if (run != "child") return {};
      return kind + " runs in this process, where the documents are; leave 'run' out";
    case ServiceKind::custom:
      return "a service of your own runs where it registers itself from; leave 'run' out, or give "
             "its URL";
  }
  OPALINE_ASSERT(false);
}

ServiceEntry read_service(std::string name, std::size_t place, const YamlNode& body,
                          Mistakes& mistakes) {
  ServiceEntry entry;
  entry.place = place;
  entry.port_place = place;
  if (!contract::is_service_name(name)) {
    mistakes.add(place,
                 "a name of a service has 1 … 64 of the characters A-Z a-z 0-9 _ . -, found " +
                     in_quotes(name));
  }
  entry.spec.name = std::move(name);
  YamlNode empty;
  if (body.kind != YamlNode::Kind::mapping) {
    if (body.kind != YamlNode::Kind::null) {
      mistakes.add(body.place,
                   fmt::format("expected {{endpoint: …, port: …}} for the service {}, found {}",
                               in_quotes(entry.spec.name), found(body)));
      return entry;
    }
    empty.kind = YamlNode::Kind::mapping;
    empty.place = place;
  }
  const YamlKeys keys(body.kind == YamlNode::Kind::mapping ? body : empty, "a service",
                      kServiceKeys, mistakes);
  ServiceReader(entry, keys, mistakes).read();
  return entry;
}

}  // namespace opaline::flow
