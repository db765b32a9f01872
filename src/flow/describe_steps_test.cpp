#include "flow/describe_steps.hpp"

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
    "flow: f\ntimeout: 1m\nservices: {grade: {url: \"http://h:1/g\"}, small: {kind: llm}, big: "
    "{kind: llm, model: m}}\n"
    "steps:\n"
    "  search: {uses: retrieval, retry: 3, timeout: 5s, cache: 10m}\n"
    "  each: {uses: grade, map: {over: \"${steps.search.retrieved_docs}\"}, on_error: skip}\n"
    "  route: {needs: each, switch: [{when: \"${request.q == \\\"#1\\\"}\", then: b}, {else: a}]}\n"
    "  a: {uses: big, hedge: 1s, fallback: small, run: child, on_error: sorry}\n"
    "  b: {uses: ./b.yaml, when: \"${request.x}\"}\n"
    "  sorry: {input: {text: \"${error.message}\"}}\n"
    "  end: {uses: llm, needs: [a, b], merge: first}\n";

TEST(DescribeSteps, DrawsATree) {
  EXPECT_EQ(describe(flow_of(kFlow)),
            "f: http://127.0.0.1:8080/v1/f, within 1m\n"
            "└─ search                   retrieval  built in · within 5s · 3 attempts · remembered "
            "for 10m\n"
            "   └─ each                  custom     at http://h:1/g · for each item of "
            "steps.search.retrieved_docs, 4 at once · on error skipped\n"
            "      └─ route              switch     request.q == \"#1\" → b, else → a\n"
            "         ├─ b               ./b.yaml   when request.x\n"
            "         │  └─ end          llm        built in · merges by first\n"
            "         └─ a               llm        built in, in a child process · asked again "
            "after 1s · else small · on error → sorry\n"
            "            ├─ end (above)\n"
            "            └─ sorry        computes\n");
}

TEST(DescribeSteps, EndsWithTheNotes) {
  EXPECT_TRUE(describe(flow_of("flow: f\nhost: \"::1\"\nsteps: {a: {uses: llm}, b: {uses: llm}}\n"))
                  .ends_with("note: the step 'b' needs nothing, so it starts at once with the "
                             "request\n"));
}

}  // namespace
}  // namespace opaline::flow
