#include "flow/drawing.hpp"

#include <gtest/gtest.h>

#include "flow/any_flow.hpp"

namespace opaline::flow {
namespace {

StepFlow flow_of(std::string_view yaml) {
  auto flow = read_any_flow(yaml, "f");
  EXPECT_TRUE(flow) << flow.error().message;
  return flow ? std::get<StepFlow>(*std::move(flow)) : StepFlow();
}

constexpr std::string_view kFlow =
    "flow: f\nsteps:\n"
    "  search: {uses: retrieval}\n"
    "  route: {needs: search, switch: [{when: \"${request.q == \\\"#1\\\"}\", then: end}, {else: "
    "a}]}\n"
    "  a: {uses: llm, on_error: sorry}\n"
    "  sorry: {input: {text: \"${error.message}\"}}\n"
    "  end: {uses: llm}\n";

TEST(Drawing, OfTheBuiltInFlowIsAChain) {
  EXPECT_EQ(mermaid(draw(built_in_flow())),
            "flowchart LR\n"
            "  s0[\"embedding\"]\n  s1[\"retrieval\"]\n  s2[\"reranking\"]\n  s3[\"llm\"]\n"
            "  s0 --> s1\n  s1 --> s2\n  s2 --> s3\n");
}

TEST(Drawing, ShowsSwitchesAndErrorsInMermaid) {
  EXPECT_EQ(mermaid(draw(flow_of(kFlow))),
            "flowchart LR\n"
            "  s0[\"search\"]\n  s1{\"route\"}\n  s2[\"a\"]\n  s3[\"sorry\"]\n  s4[\"end\"]\n"
            "  s0 --> s1\n"
            "  s1 -->|\"request.q == #quot;#35;1#quot;\"| s4\n  s1 -->|\"else\"| s2\n"
            "  s2 -.->|\"on error\"| s3\n");
}

TEST(Drawing, ShowsTheSameToGraphviz) {
  EXPECT_EQ(dot(draw(flow_of(kFlow))),
            "digraph flow {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n"
            "  s0 [label=\"search\"];\n  s1 [label=\"route\", shape=diamond, style=solid];\n"
            "  s2 [label=\"a\"];\n  s3 [label=\"sorry\"];\n  s4 [label=\"end\"];\n"
            "  s0 -> s1;\n"
            "  s1 -> s4 [label=\"request.q == \\\"#1\\\"\"];\n  s1 -> s2 [label=\"else\"];\n"
            "  s2 -> s3 [label=\"on error\", style=dashed];\n}\n");
}

}  // namespace
}  // namespace opaline::flow
