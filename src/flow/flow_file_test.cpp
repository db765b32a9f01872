#include "flow/flow_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/limits.hpp"

namespace opaline::flow {
namespace {

using base::ErrorCode;
using contract::ServiceKind;

const std::string kRest = "opea_mega_service: {mega_flow: [embedding >> retrieval >> llm]}\n";

FlowSpec spec_of(std::string_view yaml) {
  auto spec = read_flow(yaml, "f");
  EXPECT_TRUE(spec) << spec.error().message;
  return spec.value_or(FlowSpec());
}

std::string mistakes_of(std::string_view yaml) {
  const auto spec = read_flow(yaml, "f");
  if (spec) return "";
  EXPECT_EQ(spec.error().code, ErrorCode::invalid_argument);
  return spec.error().message;
}

/// One service "x" with these keys, which begin at 1:27.
ServiceSpec service(const std::string& keys) {
  const FlowSpec spec = spec_of("opea_micro_services: {x: {" + keys + "}}\n");
  return spec.services.empty() ? ServiceSpec() : spec.services[0];
}
std::string service_mistakes(const std::string& keys) {
  return mistakes_of("opea_micro_services: {x: {" + keys + "}}\n");
}

/// "a>b a>c": the edges of a flow.
std::string edges(const FlowSpec& spec) {
  std::string text;
  for (Graph::Node node = 0; node < spec.graph.size(); ++node) {
    for (const Graph::Node next : spec.graph.successors(node)) {
      text += (text.empty() ? "" : " ") + spec.graph.name(node) + ">" + spec.graph.name(next);
    }
  }
  return text;
}

TEST(FlowFile, ReadsChatQnaAsTheBuiltInFlow) {
  const auto read = load_flow(OPALINE_EXAMPLES "/chatqna.yaml");
  ASSERT_TRUE(read) << read.error().message;
  FlowSpec expected = built_in_flow();
  const std::uint16_t ports[] = {6000, 7000, 8000, 9000};
  for (std::size_t i = 0; i < 4; ++i) expected.services[i].port = ports[i];
  EXPECT_EQ(*read, expected);
  EXPECT_EQ(edges(*read), "embedding>retrieval retrieval>reranking reranking>llm");
}

TEST(FlowFile, ReadsTheExampleWithRemoteServices) {
  const auto read = load_flow(OPALINE_EXAMPLES "/chatqna-remote.yaml");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->services.size(), 4U);
  EXPECT_EQ(read->services[0].url, "http://tei-embedding:8090");
  EXPECT_EQ(read->services[0].endpoint, "/embed");
  EXPECT_EQ(read->services[0].port, std::nullopt);
  EXPECT_EQ(read->services[1].url, "http://localhost:7000");
  EXPECT_EQ(read->services[1].endpoint, "/v1/retrieval");
  EXPECT_EQ(read->services[2].endpoint, "/rerank");
  EXPECT_EQ(read->services[3].url, "https://llm.example.com");
  EXPECT_EQ(read->services[3].endpoint, "/v1/chat/completions");
  EXPECT_EQ(read->services[3].options.at("api_key"), "env:LLM_API_KEY");
}

TEST(FlowFile, ReadsBlockStyleAndListsAlike) {
  const FlowSpec map =
      spec_of("opea_micro_services: {embedding: {port: 6000}, retrieval: , llm: {}}\n" + kRest);
  for (const std::string services : {
           "opea_micro_services:\n  embedding:\n    port: 6000\n  retrieval:\n  llm: {}\n",
           "opea_micro_services:\n  - embedding: {port: 6000}\n  - retrieval\n  - llm:\n",
           "opea_micro_services:\n  - {name: embedding, port: 6000}\n  - name: retrieval\n  - "
           "{name: llm}\n",
           "{opea_micro_services: [{name: embedding, port: 6000}, retrieval, llm], "
           "opea_mega_service: "
           "{mega_flow: embedding >> retrieval >> llm}}",
       }) {
    EXPECT_EQ(spec_of(services[0] == '{' ? services : services + kRest), map) << services;
  }
}

TEST(FlowFile, ReadsTheFlowServiceItself) {
  const FlowSpec spec = spec_of(
      "opea_micro_services: {llm: }\n"
      "opea_mega_service: {port: 9999, host: 0.0.0.0, endpoint: /v1/mine, mega_flow: llm}\n");
  EXPECT_EQ(spec.port, 9999);
  EXPECT_EQ(spec.host, "0.0.0.0");
  EXPECT_EQ(spec.endpoint, "/v1/mine");
  EXPECT_EQ(
      spec_of(
          "{opea_micro_services: {llm: }, opea_mega_service: {host: localhost, mega_flow: llm}}")
          .host,
      "127.0.0.1");
}

TEST(FlowFile, ReadsGroupsAndSeveralLines) {
  const FlowSpec spec = spec_of(
      "opea_micro_services: {e: {kind: embedding}, r1: {kind: retrieval}, r2: {kind: retrieval}, "
      "rerank: , llm1: , llm2: }\n"
      "opea_mega_service:\n  mega_flow:\n"
      "    - e >> (r1, r2) >> rerank\n    - rerank >> (llm1, llm2)\n    - e >> r1\n");
  EXPECT_EQ(edges(spec), "e>r1 e>r2 r1>rerank r2>rerank rerank>llm1 rerank>llm2");
}

TEST(FlowFile, PutsServicesOfTheFlowFirst) {
  const FlowSpec spec = spec_of(
      "opea_micro_services: {dataprep: {port: 5000}, llm: , retrieval: , embedding: {port: 6000}}\n"
      "opea_mega_service: {mega_flow: [retrieval >> llm]}\n");
  ASSERT_EQ(spec.graph.size(), 2U);
  ASSERT_EQ(spec.services.size(), 4U);
  for (Graph::Node node = 0; node < 2; ++node)
    EXPECT_EQ(spec.graph.name(node), spec.services[node].name);
  EXPECT_EQ(spec.services[0].name, "llm");
  EXPECT_EQ(spec.services[2].name, "dataprep");
  EXPECT_EQ(spec.services[3].name, "embedding");
}

TEST(FlowFile, WithoutAMegaFlowServicesAreIndependentAndANoteSaysSo) {
  for (const std::string_view yaml :
       {"opea_micro_services: {dataprep: , embedding: , reranking: }\n",
        "opea_micro_services: {dataprep: , embedding: , reranking: }\nopea_mega_service: {port: "
        "9999}\n"}) {
    const FlowSpec spec = spec_of(yaml);
    EXPECT_EQ(spec.graph.size(), 2U);
    EXPECT_EQ(edges(spec), "");
    ASSERT_EQ(spec.notes.size(), 1U);
    EXPECT_TRUE(spec.notes[0].starts_with("no mega_flow:"));
  }
}

TEST(FlowFile, KnowsTheKindOfAService) {
  EXPECT_EQ(service("kind: reranker").kind, ServiceKind::reranking);
  EXPECT_EQ(service("type: LLM").kind, ServiceKind::llm);
  EXPECT_EQ(service("service_type: retriever").kind, ServiceKind::retrieval);
  EXPECT_EQ(service("endpoint: /embed").kind, ServiceKind::embedding);
  EXPECT_EQ(service("endpoint: \"http://h:1/rerank\"").kind, ServiceKind::reranking);
  EXPECT_EQ(service("kind: llm, endpoint: /v1/add").endpoint, "/v1/add");
  EXPECT_EQ(service("kind: llm").endpoint, "/v1/chat/completions");
}

TEST(FlowFile, KnowsWhereAServiceRuns) {
  const struct {
    std::string keys, url, endpoint;
  } cases[] = {
      {"kind: llm", "", "/v1/chat/completions"},
      {"kind: llm, host: localhost", "", "/v1/chat/completions"},
      {"kind: llm, host: 0.0.0.0, port: 1", "", "/v1/chat/completions"},
      {"kind: llm, host: gpu, port: 80", "http://gpu:80", "/v1/chat/completions"},
      {"kind: llm, host: gpu, port: 443, protocol: https", "https://gpu:443",
       "/v1/chat/completions"},
      {"kind: llm, host: 'fe80::1', port: 80", "http://[fe80::1]:80", "/v1/chat/completions"},
      {"kind: llm, endpoint: 'http://localhost:8081/v1/add'", "http://localhost:8081", "/v1/add"},
      {"kind: llm, endpoint: 'http://gpu'", "http://gpu", "/v1/chat/completions"},
      {"kind: llm, url: 'https://api/v1'", "https://api", "/v1/chat/completions"},
      {"kind: llm, url: 'https://api/openai/v1'", "https://api", "/openai/v1/chat/completions"},
      {"kind: llm, url: 'https://api', endpoint: /chat", "https://api", "/chat"},
      {"kind: llm, url: 'unix:/run/x.sock'", "unix:/run/x.sock", "/v1/chat/completions"},
      {"kind: llm, run: 'http://gpu:1'", "http://gpu:1", "/v1/chat/completions"},
      {"kind: llm, run: child", "", "/v1/chat/completions"},
  };
  for (const auto& one : cases) {
    const ServiceSpec spec = service(one.keys);
    EXPECT_EQ(spec.url, one.url) << one.keys;
    EXPECT_EQ(spec.endpoint, one.endpoint) << one.keys;
  }
  EXPECT_EQ(service("kind: llm, host: 0.0.0.0, port: 1").host, "0.0.0.0");
  EXPECT_EQ(service("kind: llm, host: gpu, port: 80").port, std::nullopt)
      << "a remote port is not ours";
}

TEST(FlowFile, KeepsOptions) {
  EXPECT_EQ(
      service("kind: llm, url: 'http://h', model: m, api_key: env:KEY_1, mode: extract").options,
      (std::map<std::string, std::string>{
          {"model", "m"}, {"api_key", "env:KEY_1"}, {"mode", "extract"}}));
  EXPECT_EQ(service("kind: llm, run: child").options.at("run"), "child");
}

TEST(FlowFile, SaysWhatIsWrongWithAService) {
  const struct {
    std::string keys, expected;
  } cases[] = {
      {"kind: llm, prot: 1", "f:1:38: unknown key 'prot'; did you mean 'port'?"},
      {"kind: llm, image: a/b",
       "f:1:38: unknown key 'image'; a service has the keys endpoint, port, host, protocol, url, "
       "kind, type, "
       "service_type, model, api_key, run, mode, mcp and tool"},
      {"kind: gardener",
       "f:1:33: unknown kind 'gardener'; the kinds are embedding, retrieval, reranking, llm, "
       "dataprep and custom"},
      {"kind: retreival", "f:1:33: unknown kind 'retreival'; did you mean 'retrieval'?"},
      {"kind: llm, type: llm", "f:1:44: the same as 'kind'; leave one out"},
      {"port: 6000",
       "f:1:23: cannot tell what kind of service 'x' is; add 'kind:', one of embedding, retrieval, "
       "reranking, llm, dataprep and custom, or the URL of a service of your own"},
      {"kind: custom, port: 7000",
       "f:1:33: a service of your own is not served here: say where it is with 'url:', or leave "
       "'port' out and let it register itself"},
      {"kind: llm, port: 70000",
       "f:1:44: expected a port, a whole number 1 … 65535, for 'port', found '70000'"},
      {"kind: llm, endpoint: v1/x",
       "f:1:48: expected a path as '/v1/embeddings' or a whole URL, found 'v1/x'"},
      {"kind: llm, endpoint: 'ftp://h/x'",
       "f:1:48: a service is reached by http://, https:// or unix:"},
      {"kind: llm, url: 'http://u:secret@h/'",
       "f:1:43: a password must not stand in the file; use 'api_key: env:NAME'"},
      {"kind: llm, url: 'http://h/x', endpoint: /y",
       "f:1:43: the path stands twice, here and in 'endpoint'; leave one out"},
      {"kind: llm, url: 'http://h', endpoint: 'http://h'",
       "f:1:43: 'endpoint' says already where the service is"},
      {"kind: llm, url: 'http://h/a''b(<'", "f:1:43: expected a URL: http://host:port/path"},
      {"kind: llm, url: 'http://h', port: 80",
       "f:1:61: 'url' says where the service is; leave 'port' out"},
      {"kind: llm, url: 'http://h', host: h",
       "f:1:61: 'url' says where the service is; leave 'host' out"},
      {"kind: llm, url: 'http://h', run: here",
       "f:1:60: 'url' says where the service is; leave 'run' out"},
      {"kind: llm, run: here",
       "f:1:43: models run in child processes, so that a crash of one takes nothing else with it; "
       "leave 'run' out"},
      {"kind: retrieval, run: child",
       "f:1:49: retrieval runs in this process, where the documents are; leave 'run' out"},
      {"kind: custom, run: child",
       "f:1:46: a service of your own runs where it registers itself from; leave 'run' out, or "
       "give its URL"},
      {"kind: llm, run: there",
       "f:1:43: expected here, child or a URL for 'run', found 'there'; did you mean 'here'?"},
      {"kind: llm, host: gpu",
       "f:1:44: the host 'gpu' is another machine, so 'port' is needed too"},
      {"kind: llm, host: gpu, port: 80, run: child",
       "f:1:64: the host 'gpu' is another machine; leave 'run' out"},
      {"kind: llm, host: 'a/b', port: 80",
       "f:1:44: expected the name or address of a machine for 'host', found 'a/b'"},
      {"kind: llm, protocol: https",
       "f:1:48: a service that runs here speaks http; https is for remote ones"},
      {"kind: llm, protocol: grpc", "f:1:48: expected http or https for 'protocol', found 'grpc'"},
      {"kind: llm, mode: extarct",
       "f:1:44: expected generate or extract for 'mode', found 'extarct'; did you mean 'extract'?"},
      {"kind: embedding, mode: extract",
       "f:1:50: 'mode' is for services of the kind llm, this one is of the kind embedding"},
      {"kind: retrieval, model: m",
       "f:1:51: 'model' is for services of the kind embedding, reranking and llm, this one is of "
       "the kind retrieval"},
      {"kind: llm, api_key: env:K", "f:1:47: this service runs here; 'api_key' is for remote ones"},
      {"mcp: 'http://h'", "f:1:32: 'tool' is missing: which tool of the MCP server is the step"},
      {"url: 'http://h', tool: t",
       "f:1:50: 'tool' goes with 'mcp', the URL of the server that has it"},
      {"mcp: h, tool: t", "f:1:32: expected the URL of an MCP server, found 'h'"},
      {"mcp: 'http://h', url: 'http://h', tool: t",
       "f:1:32: 'url' says already where the service is"},
      {"kind: llm, mcp: 'http://h', tool: t",
       "f:1:33: a tool of an MCP server is of the kind custom; leave this out"},
      {"kind: [llm]", "f:1:33: expected a text for 'kind', found a list"},
  };
  for (const auto& one : cases) EXPECT_EQ(service_mistakes(one.keys), one.expected) << one.keys;
}

TEST(FlowFile, NeverShowsASecret) {
  for (const std::string key :
       {"sk-topsecret", "env:", "env:1A", "env:topsecret-", "${topsecret}", "env: topsecret"}) {
    const std::string message =
        service_mistakes("kind: llm, url: 'http://h', api_key: '" + key + "'");
    EXPECT_EQ(
        message,
        "f:1:64: a key must not stand in the file; put it into an environment variable and write "
        "'api_key: env:NAME'")
        << key;
  }
}

TEST(FlowFile, SaysWhatIsWrongWithTheWhole) {
  const std::string three =
      "opea_micro_services: {embedding: , retrieval: , llm: , llm2: , reranking: }\n";
  const auto flow = [&three](const std::string& lines) {
    return three + "opea_mega_service:\n  mega_flow:\n" + lines;
  };
  const struct {
    std::string yaml, expected;
  } cases[] = {
      {"[a]", "f:1:1: expected the keys opea_micro_services and opea_mega_service, found a list"},
      {"hello",
       "f:1:1: expected the keys opea_micro_services and opea_mega_service, found 'hello'"},
      {"{}", "f:1:1: the key 'opea_micro_services' is missing"},
      {"micro_services: {llm: }\nmega_service: {mega_flow: llm}\n",
       "f:1:1: unknown key 'micro_services'; did you mean 'opea_micro_services'?\n"
       "f:1:1: the key 'opea_micro_services' is missing\n"
       "f:2:1: unknown key 'mega_service'; did you mean 'opea_mega_service'?"},
      {"opea_micro_services: {}",
       "f:1:22: expected services under 'opea_micro_services', as 'embedding: {port: "
       "6000}', found none"},
      {"opea_micro_services: llm",
       "f:1:22: expected services under 'opea_micro_services', as 'embedding: {port: "
       "6000}', found 'llm'"},
      {"opea_micro_services: {llm: 9000}",
       "f:1:28: expected {endpoint: …, port: …} for the service 'llm', found '9000'"},
      {"opea_micro_services: [[llm]]",
       "f:1:23: expected '- name: {endpoint: …, port: …}' or '- {name: …, port: …}'"},
      {"opea_micro_services: [{port: 1}]",
       "f:1:23: expected '- name: {endpoint: …, port: …}' or '- {name: …, port: …}'"},
      {"opea_micro_services: {<llm>: {kind: llm}}",
       "f:1:23: a name of a service has 1 … 64 of the characters A-Z a-z 0-9 _ . -, found '<llm>'"},
      {"opea_micro_services: [llm, llm]",
       "f:1:28: the service 'llm' is here twice; the first is at 1:23"},
      {"opea_micro_services: {llm: , llm: }",
       "f:1:30: the key 'llm' is here twice; the first is at 1:23"},
      {"opea_micro_services: {llm: }\nopea_mega_service: x\n",
       "f:2:20: expected {port: …, mega_flow: […]} for 'opea_mega_service', found 'x'"},
      {"opea_micro_services: {llm: {endpoint: /v1/embeddings}}",
       "f:1:39: the name 'llm' says llm, the endpoint '/v1/embeddings' says embedding; say which "
       "with 'kind:'"},
      {"opea_micro_services: {llm: {port: 1}, embedding: {port: 1}}",
       "f:1:57: port 1 is taken by 'llm' at 1:35"},
      {"opea_micro_services: {llm: {port: 8080}}",
       "f:1:35: port 8080 is the default port of 'opea_mega_service'"},
      {"opea_micro_services: {llm: {port: 81}}\nopea_mega_service: {port: 81, mega_flow: llm}",
       "f:1:35: port 81 is the port of 'opea_mega_service' at 2:27"},
      {"opea_micro_services: {llm: }\nopea_mega_service: {host: example.com, mega_flow: llm}",
       "f:2:27: expected an IP address to listen on for 'host', as 127.0.0.1 or 0.0.0.0, found "
       "'example.com'"},
      {"opea_micro_services: {llm: }\nopea_mega_service: {endpoint: chatqna, mega_flow: llm}",
       "f:2:31: expected a path as '/v1/chatqna', found 'chatqna'"},
      {"opea_micro_services: {llm: }\nopea_mega_service: {mega_flow: []}",
       "f:2:32: expected a list of flows for 'mega_flow', as '- embedding >> retrieval >> llm', "
       "found an empty one"},
      {"opea_micro_services: {llm: }\nopea_mega_service: {mega_flow: }",
       "f:2:32: expected a list of flows for 'mega_flow', as '- embedding >> retrieval >> llm', "
       "found nothing"},
      {"opea_micro_services: {llm: }\nopea_mega_service: {mega_flow: [[llm]]}",
       "f:2:33: expected steps, as in 'embedding >> retrieval', found a list; quote an expression "
       "that has brackets"},
      {"opea_micro_services: {a: {kind: llm}, b: {kind: llm}}\nopea_mega_service: {mega_flow: [(a, "
       "b)]}",
       "f:2:33: this '(' is not closed; inside a YAML [list], quote the expression\n"
       "f:2:38: expected '>>' between two steps, found ')'"},
      {flow("    - embedding >> retreival >> llm\n"),
       "f:4:20: 'retreival' is no service of 'opea_micro_services'; "
       "did you mean 'retrieval'?"},
      {flow("    - embedding >> guard >> llm\n"),
       "f:4:20: 'guard' is no service of 'opea_micro_services'; the services are embedding, "
       "retrieval, llm, llm2 "
       "and reranking"},
      {flow("    - embedding >> retrieval\n    - retrieval >> embedding\n"),
       "f:5:20: this closes a cycle: retrieval >> embedding >> retrieval"},
      {flow("    - llm >> llm2 >> llm\n"), "f:4:22: this closes a cycle: llm2 >> llm >> llm2"},
      {flow("    - llm >> llm\n"), "f:4:14: this closes a cycle: llm >> llm"},
      {flow("    - embedding >> llm\n"),
       "f:4:20: 'llm' (llm) cannot follow 'embedding' (embedding): a vector is nothing that an llm "
       "could read; put a "
       "retrieval between the two"},
      {flow("    - embedding >> <b>\n"), "f:4:20: expected the name of a service, found '<'"},
      {flow("    - reranking >> llm\n"),
       "f:4:7: 'reranking' has nothing to order; put a retrieval before it"},
      {flow("    - retrieval > llm\n"), "f:4:17: expected '>>' between two steps, found '>'"},
      {"opea_micro_services: {dataprep: , llm: }\nopea_mega_service: {mega_flow: dataprep >> llm}",
       "f:2:32: 'dataprep' takes documents in and is no step of a flow; it is served without being "
       "named here"},
  };
  for (const auto& one : cases) EXPECT_EQ(mistakes_of(one.yaml), one.expected) << one.yaml;
}

TEST(FlowFile, ListsAllMistakesInOrder) {
  EXPECT_EQ(mistakes_of("opea_micro_services:\n"
                        "  embedding: {prot: 6000}\n"
                        "  retrieval: {port: many}\n"
                        "opea_mega_service:\n"
                        "  prt: 8080\n"
                        "  mega_flow:\n"
                        "    - embeding >> retrieval\n"),
            "f:2:15: unknown key 'prot'; did you mean 'port'?\n"
            "f:3:21: expected a port, a whole number 1 … 65535, for 'port', found 'many'\n"
            "f:5:3: unknown key 'prt'; did you mean 'port'?\n"
            "f:7:7: 'embeding' is no service of 'opea_micro_services'; did you mean 'embedding'?");
}

TEST(FlowFile, BoundsServicesAndEdges) {
  std::string services = "opea_micro_services:\n";
  std::string group;
  for (int i = 0; i < 256; ++i) {
    services += "  llm" + std::to_string(i) + ": {kind: llm}\n";
    if (i > 0 && i < 128) group += ", ";
    if (i < 128) group += "llm" + std::to_string(i);
  }
  EXPECT_EQ(spec_of(services).services.size(), 256U);
  EXPECT_EQ(mistakes_of(services + "  one_more: {kind: llm}\n"),
            "f:2:3: a flow has at most 256 services, this one has 257");
  std::string second = group;
  for (std::size_t at = 0; (at = second.find("llm", at)) != std::string::npos; at += 3)
    second.insert(at + 3, "1");
  services += "opea_mega_service:\n  mega_flow:\n    - (" + group + ") >> (";
  std::string many;
  for (int i = 128; i < 256; ++i) many += (i > 128 ? ", llm" : "llm") + std::to_string(i);
  EXPECT_TRUE(mistakes_of(services + many + ")\n")
                  .ends_with("a flow has at most 4096 edges, repeated ones included"));
}

/// Each of these takes minutes when the work for a mistake grows with the file.
TEST(FlowFile, StaysFastOnHostileFiles) {
  std::string names = "opea_micro_services: {llm: }\nopea_mega_service:\n  mega_flow:\n";
  while (names.size() < limits::kFlowFileBytes - 600) {
    names += "    - a";
    for (int i = 0; i < 100; ++i) names += ">>lmm";
    names += "\n";
  }
  EXPECT_NE(mistakes_of(names), "");
  std::string twice = "opea_micro_services:\n";
  for (int i = 0; i < 9000; ++i) twice += "  llm:" + std::string(100, ' ') + "\n";
  EXPECT_NE(mistakes_of(twice), "");
}

class FlowFileOnDisk : public ::testing::Test {
 protected:
  FlowFileOnDisk() {
    std::string pattern = (std::filesystem::temp_directory_path() / "flow-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FlowFileOnDisk() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& text) {
    const auto file = folder_ / "flow.yaml";
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

  std::filesystem::path folder_;
};

TEST_F(FlowFileOnDisk, MessagesNameTheFile) {
  const auto file = write("opea_micro_services: {llm: {prot: 1}}\n");
  EXPECT_EQ(load_flow(file).error().message,
            file.string() + ":1:29: unknown key 'prot'; did you mean 'port'?");
}

TEST_F(FlowFileOnDisk, AMissingFileIsNotFound) {
  EXPECT_EQ(load_flow(folder_ / "none.yaml").error().code, ErrorCode::not_found);
  EXPECT_EQ(load_flow(write("x") / "below.yaml").error().code, ErrorCode::not_found);
}

TEST_F(FlowFileOnDisk, OnlyRegularFilesAreRead) {
  EXPECT_EQ(load_flow(folder_).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(load_flow("/dev/zero").error().code, ErrorCode::invalid_argument);
  const auto pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(load_flow(pipe).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(load_flow(std::string(5000, 'x')).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(load_flow(std::filesystem::path(std::string("a\0b", 3))).error().code,
            ErrorCode::invalid_argument);
}

TEST_F(FlowFileOnDisk, AFileThatMayNotBeReadIsPermissionDenied) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const auto file = write("x");
  std::filesystem::permissions(file, std::filesystem::perms::none);
  EXPECT_EQ(load_flow(file).error().code, ErrorCode::permission_denied);
}

TEST_F(FlowFileOnDisk, ALargeFileIsRefused) {
  const auto error = load_flow(write(std::string(limits::kFlowFileBytes + 1, '#'))).error();
  EXPECT_EQ(error.code, ErrorCode::invalid_argument);
  EXPECT_TRUE(error.message.ends_with("is too large: a flow file has at most 1048576 bytes"));
}

TEST(FlowFile, TakesAServiceOfUnknownKindAtAUrlForOneOfTheUsersOwn) {
  const auto flow = read_flow(
      "opea_micro_services: {s1: {url: 'http://h:1/v1/add'}, embedding: {}, "
      "llm: {kind: custom, url: 'http://h:2/v1'}}\n"
      "opea_mega_service: {mega_flow: [s1 >> embedding >> llm]}",
      "f");
  ASSERT_TRUE(flow) << flow.error().message;
  EXPECT_TRUE(flow->passes_json());
  EXPECT_EQ(flow->services[0].kind, contract::ServiceKind::custom);
  EXPECT_EQ(flow->services[0].endpoint, "/v1/add");
  EXPECT_EQ(flow->services[2].kind, contract::ServiceKind::custom);
  EXPECT_FALSE(built_in_flow().passes_json());
}

TEST(FlowFile, TakesAToolOfAnMcpServerForAStep) {
  const auto flow = read_flow(
      "opea_micro_services: {llm: {mcp: 'http://h:1', tool: add}, "
      "b: {mcp: 'https://h/tools/mcp', tool: tell, api_key: env:K}}\n"
      "opea_mega_service: {mega_flow: [llm >> b]}",
      "f");
  ASSERT_TRUE(flow) << flow.error().message;
  EXPECT_TRUE(flow->passes_json());
  EXPECT_EQ(flow->services[0].kind, contract::ServiceKind::custom);
  EXPECT_EQ(flow->services[0].url, "http://h:1");
  EXPECT_EQ(flow->services[0].endpoint, "/mcp");
  EXPECT_EQ(flow->services[0].options.at("tool"), "add");
  EXPECT_EQ(flow->services[1].endpoint, "/tools/mcp");
  EXPECT_EQ(flow->services[1].options.at("api_key"), "env:K");
}

TEST(FlowFile, OpeasOtherTypesOfServicesTakeAJsonOfTheirOwn) {
  for (const char* const type : {"ASR", "tts", "GUARDRAIL", "ServiceType.TEXT2SQL", "UNDEFINED"}) {
    const auto flow = read_flow(
        "opea_micro_services: {x: {url: 'http://h/x', service_type: " + std::string(type) + "}}\n",
        "f");
    ASSERT_TRUE(flow) << flow.error().message;
    EXPECT_EQ(flow->services[0].kind, contract::ServiceKind::custom);
    EXPECT_FALSE(flow->services[0].generates());
  }
  const auto sees = read_flow("opea_micro_services: {x: {url: 'http://h/x', type: LVM}}\n", "f");
  ASSERT_TRUE(sees) << sees.error().message;
  EXPECT_TRUE(sees->services[0].generates());
  const auto llm = read_flow("opea_micro_services: {x: {url: 'http://h/x', type: LLM}}\n", "f");
  ASSERT_TRUE(llm) << llm.error().message;
  EXPECT_EQ(llm->services[0].kind, contract::ServiceKind::llm);
}

}  // namespace
}  // namespace opaline::flow
