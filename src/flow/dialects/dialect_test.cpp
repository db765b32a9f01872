#include "flow/dialects/dialect.hpp"

#include <gtest/gtest.h>

#include "flow/any_flow.hpp"
#include "flow/describe.hpp"
#include "flow/describe_steps.hpp"

namespace opaline::flow {
namespace {

std::string message(std::string_view text) {
  const auto flow = read_any_flow(text, "f");
  return flow ? "" : flow.error().message;
}

StepFlow steps(std::string_view text) {
  auto flow = read_any_flow(text, "f");
  EXPECT_TRUE(flow) << flow.error().message;
  if (!flow || !std::holds_alternative<StepFlow>(*flow)) return {};
  return std::get<StepFlow>(*std::move(flow));
}

std::string input_of(const StepFlow& flow, std::string_view step) {
  const auto node = flow.graph.find(step);
  if (!node || !flow.steps[*node].input) return "";
  const auto* const single = flow.steps[*node].input->find_single();
  return single ? single->expression.text() : "?";
}

/// A GMConnector with these nodes.
std::string gmc(const std::string& nodes) {
  return "apiVersion: gmc.opea.io/v1alpha3\nkind: GMConnector\nmetadata: {name: chatqa, namespace: "
         "ns}\nspec:\n  routerConfig: {name: router, serviceName: router-service}\n  nodes:\n" +
         nodes;
}
std::string sequence(const std::string& steps) {
  return gmc("    root:\n      routerType: Sequence\n      steps:\n" + steps);
}

TEST(Gmc, ASequenceHandsOnResponsesWithTheRequestsParameters) {
  const StepFlow flow = steps(sequence(
      "      - {name: Embedding, internalService: {serviceName: e, config: {endpoint: "
      "/v1/embeddings, X: y}}}\n"
      "      - {name: TeiEmbedding, internalService: {serviceName: t, isDownstreamService: true}}\n"
      "      - {name: Llm, data: $response, dependency: Hard, serviceUrl: 'http://h:1/v1/chat'}\n"
      "      - {name: Retriever, externalService: 'http://h:2/x'}\n"));
  ASSERT_EQ(flow.steps.size(), 3U);
  EXPECT_EQ(flow.name, "chatqa");
  EXPECT_EQ(flow.endpoint, "/v1/chatqa");
  EXPECT_EQ(flow.services[0].url + flow.services[0].endpoint,
            "http://e.ns.svc.cluster.local:6000/v1/embeddings");
  EXPECT_EQ(flow.services[1].kind, contract::ServiceKind::llm);
  EXPECT_EQ(flow.services[0].kind, contract::ServiceKind::custom);
  EXPECT_EQ(input_of(flow, "e"), "");
  EXPECT_EQ(input_of(flow, "Llm"), "merge(steps.e, request.parameters)");
  EXPECT_EQ(input_of(flow, "Retriever"), "request");
  EXPECT_EQ(flow.graph.predecessors(2), std::vector<Graph::Node>{1});
  EXPECT_TRUE(describe(flow).contains("called by other services, not by the flow: t"));
}

TEST(Gmc, ASoftStepMayFailAndTheOneBeforeCounts) {
  const StepFlow flow = steps(sequence(
      "      - {name: A, externalService: 'http://h:1/a'}\n"
      "      - {name: B, data: $response, dependency: Soft, externalService: 'http://h:1/b'}\n"
      "      - {name: C, data: $response, externalService: 'http://h:1/c'}\n"));
  EXPECT_EQ(flow.steps[1].on_error, OnError::skip);
  EXPECT_EQ(input_of(flow, "C"), "merge(steps.B ?? steps.A, request.parameters)");
  EXPECT_FALSE(flow.output);
}

TEST(Gmc, ASequenceEndsWhereAConditionDoesNotHold) {
  const StepFlow flow =
      steps(sequence("      - {name: A, externalService: 'http://h:1/a'}\n"
                     "      - {name: B, data: $response, condition: 'found.0', externalService: "
                     "'http://h:1/b'}\n"));
  const auto chooser = flow.graph.find("B.if");
  ASSERT_TRUE(chooser);
  EXPECT_EQ(flow.steps[*chooser].arms[0].when->text(), "steps.A.found[0] != null");
  EXPECT_EQ(input_of(flow, "B.if"), "steps.A");
  EXPECT_TRUE(flow.steps[*flow.graph.find("B")].called);
}

TEST(Gmc, ASwitchWhoseConditionsExcludeOneAnotherChooses) {
  const StepFlow flow = steps(
      gmc("    root: {routerType: Sequence, steps: [{name: Embedding, nodeName: node1}, {name: "
          "Reranking, "
          "data: $response, externalService: 'http://h:1/r'}]}\n"
          "    node1:\n      routerType: Switch\n      steps:\n"
          "      - {name: Embedding, condition: id==large, externalService: 'http://h:1/el'}\n"
          "      - {name: Embedding, condition: id==small, externalService: 'http://h:1/es'}\n"
          "      - {name: Retriever, condition: id==large, data: $response, externalService: "
          "'http://h:1/rl'}\n"));
  const auto node = flow.graph.find("node1");
  ASSERT_TRUE(node);
  ASSERT_EQ(flow.steps[*node].arms.size(), 2U);
  EXPECT_EQ(flow.steps[*node].arms[0].when->text(), "request.id == 'large'");
  EXPECT_EQ(input_of(flow, "Retriever"), "merge(steps.Embedding, request.parameters)");
  EXPECT_EQ(input_of(flow, "Reranking"),
            "merge(steps.Retriever ?? steps['Embedding-2'], request.parameters)");
  EXPECT_FALSE(flow.output);
}

TEST(Gmc, ASwitchWhoseConditionsMayHoldTogetherRunsAllThatHold) {
  const StepFlow flow = steps(
      gmc("    root:\n      routerType: Switch\n      steps:\n"
          "      - {name: A, condition: a.b, externalService: 'http://h:1/a'}\n"
          "      - {name: B, data: $response, condition: c==d, externalService: 'http://h:1/b'}\n"
          "      - {name: C, externalService: 'http://h:1/c'}\n"));
  EXPECT_EQ(flow.steps[0].when->text(), "request.a.b != null");
  EXPECT_EQ(flow.steps[1].when->text(), "request.c == 'd'");
  EXPECT_EQ(input_of(flow, "B"), "merge(steps.A, request.parameters)");
  ASSERT_TRUE(flow.output);
  EXPECT_EQ(flow.output->find_single()->expression.text(), "steps.C ?? steps.B ?? steps.A");
}

TEST(Gmc, AnEnsembleAnswersWithAnObjectByName) {
  const StepFlow flow = steps(
      gmc("    root: {routerType: Ensemble, steps: [{name: A, externalService: 'http://h:1/a'}, "
          "{externalService: 'http://h:1/b', dependency: Soft}]}\n"));
  const auto joined = flow.graph.find("root");
  ASSERT_TRUE(joined);
  EXPECT_EQ(flow.graph.predecessors(*joined).size(), 2U);
  std::vector<std::string> read;
  for (const auto& part : flow.steps[*joined].input->expressions()) {
    read.push_back(part.expression.text());
  }
  EXPECT_EQ(read, (std::vector<std::string>{"steps.A", "steps.step"}));
}

TEST(Gmc, MistakesNameThePlaceInTheResource) {
  struct Case {
    std::string text;
    std::string_view message;
  };
  for (const Case& one : {
           Case{gmc("    other: {routerType: Sequence, steps: []}\n"),
                "f:7:5: the node 'root' is missing: where a request starts"},
           Case{sequence("      - {name: A, nodeName: roto}\n"),
                "f:10:29: 'roto' is no node; did you mean 'root'?"},
           Case{sequence("      - {name: A, nodeName: root}\n"),
                "f:10:29: the node 'root' is inside of itself"},
           Case{gmc("    root: {routerType: Sequenc, steps: [{name: A, externalService: "
                    "'http://h/a'}]}\n"),
                "expected Sequence, Switch or Ensemble for 'routerType', found 'Sequenc'; did you "
                "mean 'Sequence'?"},
           Case{sequence("      - {name: Retreiver, internalService: {serviceName: r}}\n"),
                "f:10:16: 'Retreiver' is no step that GMC knows; did you mean 'Retriever'?"},
           Case{sequence("      - {name: Llm}\n"), "a step calls a node or a service"},
           Case{sequence("      - {name: Llm, externalService: 'ftp://h'}\n"),
                "a service is reached by http://, https:// or unix:"},
           Case{sequence("      - {name: A, externalService: 'http://h/a', data: $foo}\n"),
                "expected $request or $response for 'data', found '$foo'"},
           Case{sequence("      - {name: A, externalService: 'http://h/a', dependency: Firm}\n"),
                "expected Soft or Hard for 'dependency', found 'Firm'"},
           Case{sequence("      - {name: A, externalService: 'http://h/a', condition: x}\n"),
                "in a Sequence a condition is about the answer before, and there is none yet"},
           Case{sequence("      - {name: A, externalService: 'http://h/a'}\n      - {name: B, "
                         "externalService: 'http://h/b', condition: 'a.*'}\n"),
                "'*' cannot be expressed"},
           Case{sequence("      - {name: UI, internalService: {serviceName: u, "
                         "isDownstreamService: true}}\n"),
                "no step of the node 'root' is called"},
           Case{gmc("    root: 7\n"),
                "expected {routerType: …, steps: […]} for the node 'root', found '7'"},
           Case{sequence("      - 7\n"), "expected a step, as {name: …, externalService: …}"},
           Case{gmc("    root: {routerType: Ensemble, steps: [[]]}\n"), "expected a step, as"},
           Case{"kind: GMConnector\nspec: {nodes: {root: {}}}\n", "'metadata' needs a 'name'"},
           Case{"kind: GMConnector\nmetadata: {name: a}\n",
                "expected {nodes: {root: {routerType: …, steps: […]}}} for 'spec'"},
       }) {
    EXPECT_TRUE(message(one.text).contains(one.message)) << message(one.text);
  }
}

TEST(Gmc, NodesThatAreReachedAgainAndAgainEndAtTheLimit) {
  std::string nodes = "    root: {routerType: Sequence, steps: [{nodeName: n0}, {nodeName: n0}]}\n";
  for (int i = 0; i < 12; ++i) {
    const std::string next = "n" + std::to_string(i + 1);
    nodes += "    n" + std::to_string(i) + ": {routerType: Sequence, steps: [{nodeName: " + next +
             "}, {nodeName: " + next + "}]}\n";
  }
  nodes += "    n12: {routerType: Sequence, steps: [{externalService: 'http://h/a'}]}\n";
  EXPECT_TRUE(message(gmc(nodes)).contains("a flow has at most 256 steps")) << message(gmc(nodes));
}

TEST(Gmc, WhatDoublesWithEachStepEnds) {
  std::string steps_text;
  for (int i = 0; i < 40; ++i) steps_text += "      - {nodeName: inner, data: $response}\n";
  const std::string text =
      gmc("    root:\n      routerType: Switch\n      steps:\n" + steps_text +
          "    inner: {routerType: Sequence, steps: [{externalService: 'http://h/a', dependency: "
          "Soft}]}\n");
  EXPECT_TRUE(message(text).contains("depends on too many steps before it")) << message(text);
  std::string nodes = "    root: {routerType: Sequence, steps: [{nodeName: n0}, {nodeName: n0}]}\n";
  for (int i = 0; i < 28; ++i) {
    const std::string next = "n" + std::to_string(i + 1);
    nodes += "    n" + std::to_string(i) + ": {routerType: Sequence, steps: [{nodeName: " + next +
             "}, {nodeName: " + next + "}]}\n";
  }
  nodes +=
      "    n28: {routerType: Sequence, steps: [{internalService: {isDownstreamService: true}}]}\n";
  EXPECT_FALSE(message(gmc(nodes)).empty());
}

constexpr std::string_view kMega = R"(global_envs: {HF_TOKEN: "${HF_TOKEN}"}
micro_services:
  - {service_name: tei, image: "ghcr.io/huggingface/text-embeddings-inference:1", ports: ["8090:80"]}
  - {service_name: redis, image: redis}
mega_service:
  - service_name: backend
    image: opea/chatqna:latest
    ports: ["8889:8888"]
    envs:
      - EMBEDDING_SERVER_HOST_IP: tei
      - EMBEDDING_SERVER_PORT: 8090
      - [RETRIEVER_SERVICE_HOST_IP, retriever]
      - {LLM_SERVER_HOST_IP: llm, LLM_SERVER_PORT: 8005}
)";

TEST(Exporter, TheFlowIsThatOfTheProgramAndItsVariables) {
  const auto flow = read_any_flow(kMega, "f");
  ASSERT_TRUE(flow) << flow.error().message;
  const auto& spec = std::get<FlowSpec>(*flow);
  ASSERT_EQ(spec.graph.size(), 3U);
  EXPECT_EQ(spec.port, 8889);
  EXPECT_EQ(spec.endpoint, "/v1/chatqna");
  EXPECT_EQ(spec.services[0].url + spec.services[0].endpoint, "http://tei:8090/embed");
  EXPECT_EQ(spec.services[1].url, "http://retriever:7000");
  EXPECT_EQ(spec.services[2].kind, contract::ServiceKind::llm);
  EXPECT_EQ(spec.graph.predecessors(2), std::vector<Graph::Node>{1});
  EXPECT_TRUE(describe(spec).contains("not called by the flow: redis"));
}

TEST(Exporter, WhatItCannotKnowItAsks) {
  std::string text(kMega);
  text.replace(text.find("opea/chatqna"), 12, "mine/program");
  EXPECT_TRUE(
      message(text).starts_with("f:6:5: the flow is in the program of the image "
                                "'mine/program:latest', which is not known"))
      << message(text);
  text = kMega;
  text.replace(text.find("IP: tei\n"), 7, "IP: ${host_ip}");
  EXPECT_TRUE(message(text).contains("f:10:35: variables are not replaced in a flow file"))
      << message(text);
  EXPECT_TRUE(message("mega_service: [{image: opea/chatqna}]\n")
                  .contains("no variable of 'envs' says where a step is"));
  EXPECT_TRUE(message("mega_service: {}\n").contains("expected '- {service_name: …, image: …, "));
}

constexpr std::string_view kCanvas = R"({"nodes": [
  {"id": "chat_input_0", "data": {"id": "chat_input_0", "name": "chat_input", "category": "Controls", "inputs": {}}},
  {"id": "e", "data": {"id": "opea_service@embedding_tei_langchain_0", "name": "opea_service@embedding_tei_langchain",
    "inMegaservice": true, "inputs": {"textToEmbed": "{{chat_input_0.data.instance}}", "modelName": "m"}}},
  {"id": "s", "data": {"id": "store", "name": "redis_vector_store", "inMegaservice": true, "inputs": {}}},
  {"id": "r", "data": {"id": "opea_service@retriever_redis_0", "name": "opea_service@retriever_redis", "inMegaservice": true,
    "inputs": {"text": "{{opea_service@embedding_tei_langchain_0.data.instance}}", "vector_db": "{{store.data.instance}}", "k": 7}}},
  {"id": "l", "data": {"id": "opea_service@llm_tgi_0", "name": "opea_service@llm_tgi", "inMegaservice": true,
    "inputs": {"text": "{{opea_service@retriever_redis_0.data.instance}}", "max_tokens": 17, "frequency_penalty": "",
               "chat_template": "Say ${x} of {context}"}}}
], "edges": []})";

TEST(Studio, ACanvasIsTheServicesThatTheInputLeadsTo) {
  const StepFlow flow = steps(kCanvas);
  ASSERT_EQ(flow.steps.size(), 3U);
  EXPECT_EQ(flow.graph.name(0), "embedding_tei_langchain_0");
  EXPECT_EQ(flow.services[0].url, "http://opea-embedding-tei-langchain-0:6000");
  EXPECT_TRUE(flow.steps[0].output);
  EXPECT_EQ(flow.graph.predecessors(1), std::vector<Graph::Node>{0});
  const auto llm = flow.steps[2].input->expressions();
  ASSERT_EQ(llm.size(), 2U) << "the template's braces are no expressions";
  EXPECT_EQ(llm[1].expression.text(), "pluck(steps.retriever_redis_0.retrieved_docs, 'text')");
  EXPECT_TRUE(describe(flow).contains("not called by the flow: store"));
}

TEST(Studio, TheBackEndsFileIsReadToo) {
  const StepFlow flow = steps(R"({"name": "Mine", "chat_input_ids": ["in"], "nodes": {
    "b": {"id": "b", "name": "opea_service@llm_tgi", "inMegaservice": true, "connected_from": ["a"], "params": {"top_k": 3}},
    "a": {"id": "a", "name": "opea_service@asr", "inMegaservice": true, "connected_from": ["in"], "params": {}},
    "in": {"id": "in", "name": "chat_input", "category": "Controls"}}})");
  ASSERT_EQ(flow.steps.size(), 2U);
  EXPECT_EQ(flow.name, "Mine");
  EXPECT_EQ(flow.endpoint, "/v1/app-backend");
  EXPECT_EQ(flow.port, 8899);
  EXPECT_EQ(flow.graph.predecessors(1), std::vector<Graph::Node>{0});
}

TEST(Studio, MistakesNameThePlace) {
  EXPECT_EQ(message(R"({"nodes": [{"data": {"id": "x", "name": "y"}}]})"),
            "f:1:1: the flow has no chat_input and no file_input: where a request starts");
  EXPECT_EQ(message(R"({"nodes": [{"data": {"id": "x", "name": "chat_input"}}]})"),
            "f:1:1: no service follows a chat_input or file_input");
  const std::string wrong = message(R"({"nodes": [{"id": "x", "name": "chat_input"},
    {"id": "y", "name": "opea_service@llm_tgy", "inMegaservice": true, "connected_from": ["x"]}]})");
  EXPECT_EQ(wrong,
            "f:2:5: 'llm_tgy' is no service that Studio's back end knows; did you mean 'llm_tgi'?");
  EXPECT_EQ(message(R"({"nodes": [{"id": "x", "name": "chat_input"}, {"id": "x", "name": "y"}]})"),
            "f:1:47: the node 'x' is here twice");
  EXPECT_EQ(message(R"({"nodes": [{}]})"), "f:1:12: a node needs an 'id'");
}

}  // namespace
}  // namespace opaline::flow
