#include "flow/dialects/convert.hpp"

#include <gtest/gtest.h>

#include "flow/any_flow.hpp"

namespace opaline::flow {
namespace {

Converted to(Dialect dialect, std::string_view text) {
  auto made = convert(text, "f", dialect);
  EXPECT_TRUE(made) << made.error().message;
  return made ? *std::move(made) : Converted();
}

AnyFlow read(std::string_view text) {
  auto flow = read_any_flow(text, "f");
  EXPECT_TRUE(flow) << flow.error().message << "\n" << text;
  return flow ? *std::move(flow) : AnyFlow();
}

/// Edges by name, in order.
std::vector<std::string> edges(const AnyFlow& flow) {
  const Graph& graph = std::visit([](const auto& one) -> const Graph& { return one.graph; }, flow);
  std::vector<std::string> all;
  for (Graph::Node node = 0; node < graph.size(); ++node) {
    for (const Graph::Node next : graph.successors(node)) {
      all.push_back(graph.name(node) + ">" + graph.name(next));
    }
  }
  std::ranges::sort(all);
  return all;
}

constexpr std::string_view kChatQna = R"(opea_micro_services:
  embedding: {endpoint: /v1/embeddings, port: 6000}
  retrieval: {}
  reranking: {}
  llm: {mode: extract}
opea_mega_service:
  port: 8081
  mega_flow: [embedding >> retrieval >> reranking >> llm]
)";

constexpr std::string_view kGmc = R"(kind: GMConnector
metadata: {name: two}
spec:
  nodes:
    root:
      routerType: Sequence
      steps:
      - {name: Embedding, nodeName: node1}
      - {name: Reranking, data: $response, externalService: "http://h:8/v1/reranking", dependency: Soft}
      - {name: Llm, data: $response, nodeName: node2}
    node1:
      routerType: Switch
      steps:
      - {name: Embedding, condition: id==large, externalService: "http://h:1/v1/embeddings"}
      - {name: Embedding, condition: id==3, externalService: "http://h:2/v1/embeddings"}
    node2:
      routerType: Ensemble
      steps:
      - {name: Llm, externalService: "http://h:3/v1/chat/completions"}
      - {name: Tts, externalService: "http://h:4/v1/audio/speech"}
)";

TEST(Convert, OpeasFlowIsOneOfStepsAndBack) {
  const Converted steps = to(Dialect::opaline, kChatQna);
  EXPECT_TRUE(steps.losses.empty());
  const AnyFlow flow = read(steps.text);
  EXPECT_EQ(edges(flow), edges(read(kChatQna)));
  const auto& own = std::get<StepFlow>(flow);
  EXPECT_EQ(own.endpoint, "/v1/chatqna");
  EXPECT_EQ(own.port, 8081);
  EXPECT_EQ(own.services, std::get<FlowSpec>(read(kChatQna)).services);
  const Converted back = to(Dialect::opea, steps.text);
  EXPECT_EQ(back.losses, std::vector<std::string>{"step 'reranking': 'when'"});
  EXPECT_EQ(edges(read(back.text)), edges(read(kChatQna)));
  EXPECT_EQ(std::get<FlowSpec>(read(back.text)).services,
            std::get<FlowSpec>(read(kChatQna)).services);
}

TEST(Convert, AFileThatHasTheFormIsAsItWas) {
  EXPECT_EQ(to(Dialect::gmc, kGmc).text, kGmc);
  EXPECT_EQ(to(Dialect::opea, kChatQna).text, kChatQna);
}

TEST(Convert, AResourceOfGmcComesBackWhole) {
  const Converted steps = to(Dialect::opaline, kGmc);
  EXPECT_TRUE(steps.losses.empty());
  const Converted back = to(Dialect::gmc, steps.text);
  EXPECT_TRUE(back.losses.empty()) << back.losses.front();
  EXPECT_EQ(edges(read(back.text)), edges(read(kGmc))) << back.text;
  for (const char* const part :
       {"routerType: Switch", "condition: \"id==large\"", "condition: \"id==3\"",
        "routerType: Ensemble", "dependency: Soft", "dependency: Hard", "name: Tts"}) {
    EXPECT_TRUE(back.text.contains(part)) << part << "\n" << back.text;
  }
}

TEST(Convert, WhatAFormCannotSayIsNamedAndStandsAtTheTop) {
  const Converted opea = to(Dialect::opea,
                            "flow: a\nsteps:\n"
                            "  x: {uses: 'http://h/x', retry: 3, timeout: 2s}\n"
                            "  y: {uses: ./other.yaml, needs: x}\n"
                            "  z: {needs: y, switch: [{when: '${request.a}', then: w}]}\n"
                            "  w: {input: {n: '${request.n}'}}\n"
                            "output: '${steps.x}'\n");
  EXPECT_EQ(opea.losses, (std::vector<std::string>{
                             "the flow's 'output'", "step 'x': 'timeout'", "step 'x': 'retry'",
                             "step 'y': the flow ./other.yaml", "step 'z': 'switch'",
                             "step 'w': it computes", "step 'w': 'input'"}));
  EXPECT_TRUE(opea.text.starts_with("# From a flow of steps.\n# Not in this file: the flow's "));
  read(opea.text);
}

TEST(Convert, BranchesAndStepsAloneBecomeLines) {
  const Converted opea = to(Dialect::opea,
                            "flow: a\nsteps:\n"
                            "  a: {uses: 'http://h/a'}\n  b: {uses: 'http://h/b'}\n"
                            "  c: {uses: 'http://h/c', needs: [a, b]}\n"
                            "  d: {uses: 'http://h/d', needs: a}\n  e: {uses: 'http://h/e'}\n");
  EXPECT_TRUE(opea.losses.empty());
  const AnyFlow flow = read(opea.text);
  EXPECT_EQ(edges(flow), (std::vector<std::string>{"a>c", "a>d", "b>c"}));
  EXPECT_EQ(std::get<FlowSpec>(flow).graph.size(), 5U);
}

TEST(Convert, TheExportersFileHasOpeasImages) {
  const Converted mega = to(Dialect::exporter, kChatQna);
  EXPECT_TRUE(mega.losses.empty()) << mega.losses.front();
  const AnyFlow flow = read(mega.text);
  EXPECT_EQ(edges(flow), edges(read(kChatQna)));
  EXPECT_TRUE(mega.text.contains("opea/chatqna-wrapper:1.5")) << mega.text;
  const Converted none =
      to(Dialect::exporter, "flow: a\nsteps: {x: {uses: 'http://h/x'}, y: {uses: llm}}\n");
  EXPECT_EQ(none.losses.size(), 2U);
}

TEST(Convert, StudiosFileIsThatOfItsBackEnd) {
  const Converted studio = to(Dialect::studio, kChatQna);
  EXPECT_TRUE(studio.losses.empty()) << studio.losses.front();
  const AnyFlow flow = read(studio.text);
  EXPECT_EQ(edges(flow).size(), 3U) << studio.text;
  EXPECT_TRUE(studio.text.contains("\"chat_input_ids\": [\n    \"chat_input_0\"\n  ]"));
}

TEST(Convert, MistakesAreThoseOfTheFile) {
  const auto made = convert("flow: a\nsteps: {x: {uses: nothing}}\n", "f", Dialect::gmc);
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().message.starts_with("f:2:19: 'nothing' is no service"))
      << made.error().message;
}

TEST(Convert, SwitchesThatShareTheirArmsEnd) {
  std::string text =
      "flow: a\nsteps:\n  s0: {switch: [{when: \"${request.k == 'a'}\", then: a0}, {when: "
      "\"${request.k == 'b'}\", then: b0}]}\n";
  const std::string arms =
      ": {switch: [{when: \"${request.k == 'a'}\", then: a%}, {when: \"${request.k == 'b'}\", "
      "then: b%}]}\n";
  const int levels = 25;
  for (int i = 0; i < levels; ++i) {
    for (const char* const side : {"  a", "  b"}) {
      std::string line = side + std::to_string(i) + arms;
      for (std::size_t at = line.find('%'); at != std::string::npos; at = line.find('%')) {
        line.replace(at, 1, std::to_string(i + 1));
      }
      text += line;
    }
  }
  for (const char* const side : {"  a", "  b"}) {
    text += side + std::to_string(levels) + ": {uses: 'http://h/v1/chat/completions'}\n";
  }
  EXPECT_FALSE(to(Dialect::gmc, text).losses.empty());
}

TEST(Convert, NamesCannotEndTheirComment) {
  const Converted made =
      to(Dialect::opaline,
         "micro_services: [{service_name: \"x\\r\\u2028evil: 1\\e\"}]\n"
         "mega_service: [{image: opea/chatqna, envs: [{LLM_SERVER_HOST_IP: h}]}]\n");
  EXPECT_TRUE(made.text.contains("# not called by the flow: x  evil: 1 \n")) << made.text;
  read(made.text);
}

}  // namespace
}  // namespace opaline::flow
