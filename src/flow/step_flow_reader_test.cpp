#include "flow/step_flow_reader.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <fstream>
#include <iterator>

#include "base/limits.hpp"
#include "flow/any_flow.hpp"
#include "flow/service_entry.hpp"
#include "flow/step_entry.hpp"

namespace opaline::flow {
namespace {

using namespace std::chrono_literals;
using contract::ServiceKind;

base::Result<StepFlow> read(std::string_view yaml) {
  auto flow = read_any_flow(yaml, "f");
  if (!flow) return base::fail(std::move(flow).error());
  return std::get<StepFlow>(*std::move(flow));
}

StepFlow flow_of(std::string_view yaml) {
  auto flow = read(yaml);
  EXPECT_TRUE(flow) << flow.error().message;
  return std::move(flow).value_or(StepFlow());
}

std::string mistakes_of(std::string_view yaml) {
  const auto flow = read(yaml);
  return flow ? "none" : flow.error().message;
}

/// A flow of these steps; the first line of them is line 2.
std::string steps(const std::string& lines) { return "flow: f\nsteps: {" + lines + "}\n"; }
std::string step_mistakes(const std::string& lines) { return mistakes_of(steps(lines)); }
/// The step "x" with these keys, which begin at 2:13.
StepSpec step(const std::string& keys) {
  const StepFlow flow = flow_of(steps("x: {" + keys + "}"));
  return flow.steps.empty() ? StepSpec() : flow.steps[0];
}

/// "a>b a>c": the edges of a flow.
std::string edges(const StepFlow& flow) {
  std::string text;
  for (Graph::Node node = 0; node < flow.graph.size(); ++node) {
    for (const Graph::Node next : flow.graph.successors(node)) {
      text += (text.empty() ? "" : " ") + flow.graph.name(node) + ">" + flow.graph.name(next);
    }
  }
  return text;
}

std::string file_text(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(StepFlow, ReadsTheExample) {
  const auto loaded = load_any_flow(OPALINE_EXAMPLES "/support.yaml");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto& flow = std::get<StepFlow>(*loaded);
  EXPECT_EQ(flow.name, "support");
  EXPECT_EQ(flow.endpoint, "/v1/support");
  EXPECT_EQ(edges(flow),
            "english>search english>each english>route search>each search>route each>route "
            "route>small route>answer answer>audit");
  EXPECT_EQ(flow.notes, std::vector<std::string>());
}

TEST(StepFlow, TheShortestHasANameAndAStep) {
  const StepFlow flow = flow_of("flow: tiny\nsteps: {answer: {uses: llm}}\n");
  EXPECT_EQ(flow.name, "tiny");
  EXPECT_EQ(flow.endpoint, "/v1/tiny");
  EXPECT_EQ(flow.port, 8080);
  EXPECT_EQ(flow.host, "127.0.0.1");
  ASSERT_EQ(flow.services.size(), 1U);
  EXPECT_EQ(flow.services[0].name, "llm");
  EXPECT_EQ(flow.services[0].endpoint, "/v1/chat/completions");
  ASSERT_EQ(flow.steps.size(), 1U);
  EXPECT_EQ(flow.steps[0].service, 0U);
  EXPECT_EQ(flow.graph.size(), 1U);
}

TEST(StepFlow, ReadsItsHead) {
  const StepFlow flow = flow_of(
      "flow: a\ndescription: what it does\nhost: 0.0.0.0\nport: 9000\nendpoint: /ask\n"
      "timeout: 30s\nsteps: {x: {uses: llm}}\noutput: {n: 1, t: \"${steps.x.text}\"}\n");
  EXPECT_EQ(flow.description, "what it does");
  EXPECT_EQ(flow.host, "0.0.0.0");
  EXPECT_EQ(flow.port, 9000);
  EXPECT_EQ(flow.endpoint, "/ask");
  EXPECT_EQ(flow.timeout, 30s);
  ASSERT_TRUE(flow.output);
  EXPECT_EQ(flow.output->expressions().size(), 1U);
}

TEST(StepFlow, SaysWhatIsWrongWithItsHead) {
  EXPECT_EQ(mistakes_of("steps: {x: {uses: llm}}\n"),
            "f:1:1: the key 'flow' is missing: the name of the flow");
  EXPECT_EQ(mistakes_of("flow: a\n"), "f:1:1: the key 'steps' is missing: what the flow does");
  EXPECT_EQ(mistakes_of("flow: a b\nsteps: {x: {uses: llm}}\n"),
            "f:1:7: a name of a flow has 1 … 64 of the characters A-Z a-z 0-9 _ . -, found 'a b'");
  EXPECT_EQ(mistakes_of("flow: a\nstep: {}\nsteps: {}\ntimeout: 5\nport: x\n"),
            "f:2:1: unknown key 'step'; did you mean 'steps'?\n"
            "f:3:8: expected {name: {uses: …}} for 'steps', found none\n"
            "f:4:10: 'timeout': a unit is missing, as in 5s or 5ms\n"
            "f:5:7: expected a port, a whole number 1 … 65535, for 'port', found 'x'");
  EXPECT_EQ(mistakes_of("flow: a\nsteps: [x]\nservices: 3\n"),
            "f:2:8: expected {name: {uses: …}} for 'steps', found a list\n"
            "f:3:11: expected {name: {url: …}} for 'services', found '3'");
  EXPECT_EQ(
      mistakes_of("flow: a\nport: 70\nservices: {llm: {port: 70}}\nsteps: {x: {uses: llm}}\n"),
      "f:3:24: port 70 is the port of the flow at 2:7");
}

// --- What a step uses

TEST(StepFlow, AStepUsesAServiceOfTheFileOrOfTheCatalogue) {
  const StepFlow flow = flow_of(
      "flow: a\nservices:\n  translate: {url: \"http://127.0.0.1:9001/v1/translate\"}\n"
      "  llm: {mode: extract}\n"
      "steps:\n  a: {uses: translate}\n  b: {uses: retrieval, needs: a}\n"
      "  c: {uses: llm, needs: b}\n  d: {uses: retrieval, needs: c}\n");
  ASSERT_EQ(flow.services.size(), 3U);
  EXPECT_EQ(flow.services[0].kind, ServiceKind::custom);
  EXPECT_EQ(flow.services[0].endpoint, "/v1/translate");
  EXPECT_EQ(flow.services[1].options.at("mode"), "extract");
  EXPECT_EQ(flow.services[2].name, "retrieval");
  EXPECT_EQ(flow.steps[0].service, 0U);
  EXPECT_EQ(flow.steps[1].service, 2U);
  EXPECT_EQ(flow.steps[2].service, 1U);
  EXPECT_EQ(flow.steps[3].service, 2U);
}

TEST(StepFlow, AStepUsesAUrl) {
  const StepFlow flow = flow_of(
      steps("a: {uses: \"http://h:1/v1/x\"}, b: {uses: \"http://h:2/v1/embeddings\", needs: a},\n"
            "c: {uses: llm, run: \"https://gpu\", needs: b}"));
  ASSERT_EQ(flow.services.size(), 3U);
  EXPECT_EQ(flow.services[0].name, "a");
  EXPECT_EQ(flow.services[0].kind, ServiceKind::custom);
  EXPECT_EQ(flow.services[0].url, "http://h:1");
  EXPECT_EQ(flow.services[0].endpoint, "/v1/x");
  EXPECT_EQ(flow.services[1].kind, ServiceKind::embedding);
  EXPECT_EQ(flow.services[2].name, "c");
  EXPECT_EQ(flow.services[2].kind, ServiceKind::llm);
  EXPECT_EQ(flow.services[2].url, "https://gpu");
  EXPECT_EQ(flow.steps[2].run, "");
}

TEST(StepFlow, AStepRunsHereOrInAChild) {
  EXPECT_EQ(step("uses: llm").run, "");
  EXPECT_EQ(step("uses: retrieval, run: here").run, "here");
  EXPECT_EQ(step("uses: llm, run: child").run, "child");
  EXPECT_EQ(step("uses: ./b.yaml, run: here").run, "here");
}

TEST(StepFlow, SaysWhatIsWrongWithWhatAStepUses) {
  EXPECT_EQ(step_mistakes("x: {uses: retreival}"),
            "f:2:19: 'retreival' is no service; did you mean 'retrieval'?");
  EXPECT_EQ(step_mistakes("x: {uses: grade}"),
            "f:2:19: 'grade' is no service; there are embedding, retrieval, reranking, llm and "
            "dataprep; add it under 'services', or name a URL or a flow file as './audit.yaml'");
  EXPECT_EQ(step_mistakes("x: {uses: \"http://\"}"), "f:2:19: the URL has no host");
  EXPECT_EQ(step_mistakes("x: {uses: llm, run: there}"),
            "f:2:29: expected here, child or a URL for 'run', found 'there'; did you mean 'here'?");
  EXPECT_EQ(step_mistakes("x: {uses: llm, run: here}"),
            "f:2:29: models run in child processes, so that a crash of one takes nothing else with "
            "it; leave 'run' out");
  EXPECT_EQ(step_mistakes("x: {uses: ./b.yaml, run: child}"),
            "f:2:34: a flow inside runs in this process, or at a URL where it is served");
  EXPECT_EQ(step_mistakes("x: {uses: \"http://h/a\", run: here}"),
            "f:2:38: 'http://h/a' is at http://h already; leave 'run' out");
  EXPECT_EQ(step_mistakes("x: {needs: x}, y: , z: 3, w: {use: llm}"),
            "f:2:9: the step 'x' does nothing: it has neither 'uses' (a service, a kind, a URL, a "
            "flow file), nor 'switch', nor an 'input' to compute\n"
            "f:2:20: this closes a cycle: x >> x\n"
            "f:2:27: expected {uses: …} for the step 'y', found nothing\n"
            "f:2:32: expected {uses: …} for the step 'z', found '3'\n"
            "f:2:35: the step 'w' does nothing: it has neither 'uses' (a service, a kind, a URL, a "
            "flow file), nor 'switch', nor an 'input' to compute\n"
            "f:2:39: unknown key 'use'; did you mean 'uses'?");
  EXPECT_EQ(step_mistakes("\"a b\": {uses: llm}, skip: {uses: llm}"),
            "f:2:9: a name of a step has 1 … 64 of the characters A-Z a-z 0-9 _ . -, found 'a b'\n"
            "f:2:29: 'skip' is what 'on_error' says; choose another name for the step");
}

// --- Order

TEST(StepFlow, AStepFollowsWhatItNeedsAndWhatItReads) {
  const StepFlow flow = flow_of(
      "flow: f\nsteps:\n  a: {uses: llm}\n  b: {uses: llm, needs: [a]}\n"
      "  c: {uses: llm, input: {text: \"x ${steps.a.text} ${steps[\\\"b\\\"].text}\"}}\n"
      "  d: {uses: llm, needs: a, when: \"${steps.c != null}\"}\n");
  EXPECT_EQ(edges(flow), "a>b a>d a>c b>c c>d");
  EXPECT_EQ(flow.steps[2].needs, std::vector<Graph::Node>());
  EXPECT_EQ(flow.steps[3].needs, std::vector<Graph::Node>{0});
}

TEST(StepFlow, SaysWhichStepIsNotThere) {
  EXPECT_EQ(step_mistakes("search: {uses: retrieval}, x: {uses: llm, needs: [serch]}"),
            "f:2:59: 'serch' is no step; did you mean 'search'?");
  EXPECT_EQ(step_mistakes("search: {uses: retrieval}, x: {uses: llm, input: {text: \"a "
                          "${steps.serch.n}\"}}"),
            "f:2:76: 'serch' is no step; did you mean 'search'?");
  EXPECT_EQ(step_mistakes("x: {uses: llm, on_error: xyz}"),
            "f:2:34: 'xyz' is no step; the steps are x");
  EXPECT_EQ(step_mistakes("x: {switch: [{else: abc}]}"),
            "f:2:29: 'abc' is no step; the steps are x");
  EXPECT_EQ(step_mistakes("x: {uses: llm, needs: [x2, {a: b}]}, x2: {uses: llm}, y: {uses: llm, "
                          "needs: [x, x]}"),
            "f:2:36: expected the name of a step in 'needs', found a mapping\n"
            "f:2:89: 'x' is in this list twice");
}

TEST(StepFlow, SaysWhereACycleIsAndItsPath) {
  EXPECT_EQ(step_mistakes("a: {uses: llm, needs: c}, b: {uses: llm, needs: a}, c: {uses: llm, "
                          "needs: b}"),
            "f:2:83: this closes a cycle: b >> c >> a >> b");
  EXPECT_EQ(step_mistakes("a: {uses: llm, on_error: b}, b: {uses: llm, on_error: a}"),
            "f:2:63: this closes a cycle: b >> a >> b");
}

TEST(StepFlow, AnExpressionReadsOnlyWhatHasRun) {
  EXPECT_EQ(step_mistakes("a: {uses: llm, input: {text: \"${steps.c.text}\"}}, b: {uses: llm, "
                          "needs: a}, c: {uses: llm, needs: b}"),
            "f:2:47: 'c' has not run when 'a' starts: it comes after it, c >> a >> b >> c");
  EXPECT_EQ(step_mistakes("a: {uses: llm, output: \"${steps.a.text}\"}"),
            "f:2:41: a step's own reply is not there yet; its 'output' reads it as ${output}");
}

TEST(StepFlow, StepsOfTwoArmsNeverMeet) {
  const std::string flow =
      "flow: f\nsteps:\n"
      "  s: {switch: [{when: \"${request.x}\", then: a}, {else: b}]}\n"
      "  a: {uses: llm}\n  b: {uses: llm}\n";
  EXPECT_EQ(mistakes_of(flow + "  c: {uses: llm, needs: a, input: {text: \"${steps.b.text}\"}}\n"),
            "none");
  EXPECT_EQ(mistakes_of("flow: f\nsteps:\n"
                        "  s: {switch: [{when: \"${request.x}\", then: a}, {else: b}]}\n"
                        "  a: {uses: llm}\n"
                        "  b: {uses: llm, input: {text: \"${steps.a.text}\"}}\n"),
            "f:5:41: 'a' never runs when 'b' does: 's' chooses one of the ways");
  EXPECT_EQ(mistakes_of("flow: f\nsteps:\n"
                        "  s: {switch: [{when: \"${request.x}\", then: a}, {else: t}]}\n"
                        "  a: {uses: llm}\n  a2: {uses: llm, needs: a}\n"
                        "  t: {switch: [{when: \"${steps.a2 == null}\", then: b}]}\n"
                        "  b: {uses: llm}\n"),
            "f:6:32: 'a2' never runs when 't' does: 's' chooses one of the ways");
}

TEST(StepFlow, BoundsItsStepsAndEdges) {
  std::string many = "flow: f\nsteps:\n";
  for (std::size_t i = 0; i <= limits::kFlowSteps; ++i) {
    many += "  s" + std::to_string(i) + ": {uses: llm}\n";
  }
  EXPECT_EQ(mistakes_of(many), "f:3:3: a flow has at most 256 steps, this one has 257");
  std::string dense = "flow: f\nsteps:\n";
  for (int i = 0; i < 100; ++i) {
    dense += "  s" + std::to_string(i) + ": {uses: llm, needs: [";
    for (int j = 0; j < i; ++j) dense += (j > 0 ? ", s" : "s") + std::to_string(j);
    dense += "]}\n";
  }
  EXPECT_TRUE(mistakes_of(dense).contains("a flow has at most 4096 edges"));
}

// --- Values

TEST(StepFlow, PlainValuesAreWhatTheyLookLike) {
  const StepSpec read = step(
      "uses: \"http://h/x\", input: {a: 1, b: -0.5, c: true, d: null, e: no, f: \"1\", g: 'true', "
      "h: 007, i: [x, \"${1 + 1}\"], j: , k: 1e3, l: 1_000}");
  ASSERT_TRUE(read.input);
  const auto value = read.input->render(Scope());
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(boost::json::serialize(*value),
            R"({"a":1,"b":-5E-1,"c":true,"d":null,"e":"no","f":"1","g":"true","h":"007",)"
            R"("i":["x",2],"j":null,"k":1E3,"l":"1_000"})");
}

TEST(StepFlow, SaysWhereAnExpressionIsWrong) {
  EXPECT_EQ(step_mistakes("x: {uses: llm, input: {text: \"a ${request.text +}\"}}"),
            "f:2:57: expected a value, found '}'");
  EXPECT_EQ(mistakes_of("flow: f\nsteps:\n  x:\n    uses: llm\n    input:\n      text: |\n"
                        "        one\n        ${lenn(1)}\n"),
            "f:8:11: unknown function 'lenn'; did you mean 'len'?");
  EXPECT_EQ(mistakes_of("flow: f\nsteps: {x: {uses: llm}}\noutput: \"${steps.y}\"\n"),
            "f:3:18: 'y' is no step; did you mean 'x'?");
  EXPECT_EQ(mistakes_of("flow: f\nsteps: {x: {uses: llm}}\noutput: \"${item}\"\n"),
            "f:3:12: unknown name 'item'; there are request and steps");
}

TEST(StepFlow, EachPlaceHasItsNames) {
  EXPECT_EQ(step_mistakes("x: {uses: llm, map: {over: \"${request.l}\", as: doc}, input: {text: "
                          "\"${doc} ${string(index)}\"}, output: \"${output.text} ${doc}\"}"),
            "none");
  EXPECT_EQ(step_mistakes("x: {uses: llm, when: \"${index == 0}\", map: {over: \"${request.l}\"}}"),
            "f:2:33: unknown name 'index'; there are request and steps");
  EXPECT_EQ(step_mistakes("x: {uses: llm, on_error: y}, y: {input: {t: \"${error.message}\"}}"),
            "none");
  EXPECT_EQ(step_mistakes("x: {uses: llm, on_error: y}, y: {input: {t: \"${error.text}\"}}"),
            "f:2:62: no member 'text' there; there are code, message and step");
  EXPECT_EQ(step_mistakes("x: {uses: llm, input: {text: \"${error.message}\"}}"),
            "f:2:41: unknown name 'error'; there are request and steps");
}

TEST(StepFlow, FindsEdgesWhoseTypesDoNotFit) {
  EXPECT_EQ(
      step_mistakes("a: {uses: retrieval}, b: {uses: llm, when: \"${steps.a.retrieved_docs}\"}"),
      "f:2:52: expected true or false for 'when', found a list; compare it, as in x != null");
  EXPECT_EQ(step_mistakes("a: {uses: retrieval}, b: {uses: llm, input: {text: "
                          "\"${steps.a.retrieved_docs}\"}}"),
            "f:2:60: 'text' of a service of the kind llm is a string, this is a list");
  EXPECT_EQ(step_mistakes("a: {uses: retrieval, input: \"${request.text + 'x'}\"}"),
            "f:2:37: a service of the kind retrieval is asked with an object, as {embedding: …}; "
            "this is a string");
  EXPECT_EQ(step_mistakes("a: {uses: llm}, b: {uses: llm, map: {over: \"${steps.a.text}\"}}"),
            "f:2:52: expected a list for 'over', this is a string");
  EXPECT_EQ(step_mistakes("a: {uses: retrieval}, b: {uses: llm, input: {text: "
                          "\"${steps.a.retrieved_docs[0].text + 1}\"}}"),
            "f:2:94: cannot add a string and a number; make it text with string(x)");
  EXPECT_EQ(step_mistakes("a: {uses: llm, output: {n: \"${len(output.text)}\"}}, b: {uses: llm, "
                          "input: {text: \"${steps.a.n}\", k: \"${steps.a.m}\"}}"),
            "f:2:90: 'text' of a service of the kind llm is a string, this is a number\n"
            "f:2:120: no member 'm' there; did you mean 'n'?");
  EXPECT_EQ(step_mistakes("a: {uses: retrieval}, b: {uses: llm, map: {over: "
                          "\"${steps.a.retrieved_docs}\"}, input: {text: \"${item.text * 2}\"}}"),
            "f:2:102: 'text' of a service of the kind llm is a string, this is a number\n"
            "f:2:115: '*' takes two numbers, not a string and a number; convert with number(x)");
}

TEST(StepFlow, AnExpressionStandsBetweenDollarAndBraces) {
  EXPECT_EQ(step_mistakes("x: {uses: llm, when: request.text != null}"),
            "f:2:30: expected an expression for 'when', as \"${request.text != null}\", found "
            "'request.text != null'; write it between ${ and }");
  EXPECT_EQ(step_mistakes("x: {uses: llm, when: \"not ${request.text}\"}"),
            "f:2:30: 'when' is one expression: put all of it between ${ and }");
  EXPECT_EQ(step_mistakes("x: {uses: llm, when: [1]}"),
            "f:2:30: expected an expression for 'when', as \"${request.text != null}\", found a "
            "list");
  EXPECT_TRUE(step_mistakes("x: {uses: llm, when: ${request.text}}").contains("into quotes"));
}

// --- Policies

TEST(StepFlow, ReadsThePoliciesOfAStep) {
  const StepSpec read = step(
      "uses: llm, timeout: 5s, retry: {attempts: 3, on: [unavailable, deadline_exceeded], "
      "backoff: 250ms}, hedge: {after: 2s}, cache: 10m, on_error: skip, description: says it");
  EXPECT_EQ(
      read.policy,
      (StepPolicy{.timeout = 5s,
                  .attempts = 3,
                  .retry_on = {base::ErrorCode::unavailable, base::ErrorCode::deadline_exceeded},
                  .backoff = 250ms,
                  .hedge_after = 2s}));
  EXPECT_EQ(read.cache, 10min);
  EXPECT_EQ(read.on_error, OnError::skip);
  EXPECT_EQ(read.description, "says it");
}

TEST(StepFlow, PoliciesHaveShortForms) {
  const StepSpec read = step("uses: llm, retry: 2, hedge: 1s, on_error: fail");
  EXPECT_EQ(read.policy.attempts, 2);
  EXPECT_EQ(read.policy.hedge_after, 1s);
  EXPECT_EQ(read.on_error, OnError::fail);
  EXPECT_EQ(step("uses: llm, retry: {attempts: 2, on: internal}").policy.retry_on,
            std::vector{base::ErrorCode::internal});
}

TEST(StepFlow, SaysWhatIsWrongWithPolicies) {
  const std::pair<const char*, const char*> cases[] = {
      {"timeout: 0s", "f:2:33: 'timeout' is above 0 and at most 1h, found '0s'"},
      {"timeout: 2h", "f:2:33: 'timeout' is above 0 and at most 1h, found '2h'"},
      {"timeout: soon",
       "f:2:33: 'timeout': expected a duration as 250ms, 5s, 2m or 1h, found 'soon'"},
      {"cache: 25h", "f:2:31: 'cache' is above 0 and at most 24h, found '25h'"},
      {"retry: 11", "f:2:31: expected a whole number 1 … 10 for 'retry', found '11'"},
      {"retry: {}", "f:2:31: 'retry' needs a number: {attempts: 3}, the first one included"},
      {"retry: {attempts: 0}", "f:2:42: expected a whole number 1 … 10 for 'attempts', found '0'"},
      {"retry: {attempts: 2, on: [unavailabel]}",
       "f:2:50: 'unavailabel' is no error that may pass when a call is repeated; did you mean "
       "'unavailable'?"},
      {"retry: {attempts: 2, on: []}",
       "f:2:49: expected errors for 'on', as [unavailable], found an empty list"},
      {"retry: {attempts: 2, on: not_found}",
       "f:2:49: 'not_found' is no error that may pass when a call is repeated; there are "
       "unavailable, deadline_exceeded, resource_exhausted and internal"},
      {"retry: {attempts: 2, wait: 1s}",
       "f:2:45: unknown key 'wait'; 'retry' has the keys attempts, on and backoff"},
      {"hedge: {}", "f:2:31: 'hedge' needs a time: {after: 2s}"},
      {"timeout: 1s, hedge: 1s",
       "f:2:44: the second request would never be made: the step's timeout is 1s"},
      {"merge: updat",
       "f:2:31: expected update, list or first for 'merge', found 'updat'; did you mean 'update'?"},
      {"merge: list", "f:2:31: 'merge' is for a step that needs several; write them in 'needs'"},
      {"map: [1]", "f:2:29: expected {over: \"${…}\", as: item} for 'map', found a list"},
      {"map: {as: a}", "f:2:29: 'map' needs a list: {over: \"${…}\"}"},
      {"map: {over: \"${request.l}\", as: a b}",
       "f:2:56: expected a name of letters, digits and _ for 'as', found 'a b'"},
      {"map: {over: \"${request.l}\", as: index}",
       "f:2:56: 'index' means something else already; choose another name"},
      {"map: {over: \"${request.l}\", concurrency: 65}",
       "f:2:65: expected a whole number 1 … 64 for 'concurrency', found '65'"},
      {"fallback: x", "f:2:34: a step cannot stand in for itself"},
      {"fallback: lm", "f:2:34: 'lm' is neither a step nor a service"},
  };
  for (const auto& [keys, message] : cases) {
    EXPECT_EQ(step_mistakes("x: {uses: llm, " + std::string(keys) + "}"), message) << keys;
  }
}

TEST(StepFlow, AStepForEachElement) {
  const StepSpec read =
      step("uses: llm, map: {over: \"${request.docs}\", as: doc, concurrency: 8}");
  ASSERT_TRUE(read.map);
  EXPECT_EQ(read.map->over.text(), "request.docs");
  EXPECT_EQ(read.map->as, "doc");
  EXPECT_EQ(read.map->concurrency, 8U);
  EXPECT_EQ(step("uses: llm, map: {over: \"${[1]}\"}").map->concurrency, 4U);
}

TEST(StepFlow, SeveralNeedsAreMerged) {
  const StepFlow flow =
      flow_of(steps("a: {uses: llm}, b: {uses: llm}, c: {uses: llm, needs: [b, a], merge: first}"));
  EXPECT_EQ(flow.steps[2].merge, Merge::first);
  EXPECT_EQ(flow.steps[2].needs, (std::vector<Graph::Node>{1, 0}));
  EXPECT_EQ(step_mistakes("a: {uses: llm}, b: {uses: llm}, c: {uses: llm, needs: [b, a], merge: "
                          "list, input: 1}"),
            "f:2:78: 'input' says what the step gets; leave 'merge' out\n"
            "f:2:91: a service of the kind llm is asked with an object, as {documents: …}; this is "
            "a number");
}

// --- Ways

TEST(StepFlow, ASwitchTakesTheFirstArmThatHolds) {
  const StepFlow flow = flow_of(
      "flow: f\nsteps:\n  s: {switch: [{when: \"${request.n > 1}\", then: a}, {else: b}]}\n"
      "  a: {uses: llm}\n  b: {uses: llm}\n  c: {uses: llm, needs: [a, b]}\n");
  ASSERT_EQ(flow.steps[0].arms.size(), 2U);
  EXPECT_EQ(flow.steps[0].arms[0].when->text(), "request.n > 1");
  EXPECT_EQ(flow.steps[0].arms[0].then, 1U);
  EXPECT_FALSE(flow.steps[0].arms[1].when);
  EXPECT_EQ(flow.steps[0].arms[1].then, 2U);
  EXPECT_TRUE(flow.steps[1].called);
  EXPECT_TRUE(flow.steps[2].called);
  EXPECT_FALSE(flow.steps[3].called);
  EXPECT_EQ(edges(flow), "s>a s>b a>c b>c");
}

TEST(StepFlow, SaysWhatIsWrongWithASwitch) {
  const std::string rest = ", a: {uses: llm}, b: {uses: llm}";
  const auto wrong = [&rest](const std::string& keys) {
    return step_mistakes("s: {" + keys + "}" + rest);
  };
  EXPECT_EQ(wrong("switch: a"),
            "f:2:21: expected a list for 'switch', as [{when: \"${…}\", then: a}, {else: b}], "
            "found 'a'");
  EXPECT_EQ(wrong("switch: []"),
            "f:2:21: expected a list for 'switch', as [{when: \"${…}\", then: a}, {else: b}], "
            "found an empty one");
  EXPECT_EQ(wrong("switch: [{else: a}, {when: \"${true}\", then: b}]"),
            "f:2:29: 'else' is the last arm of a switch; the ones below are never reached");
  EXPECT_EQ(wrong("switch: [{then: a}]"),
            "f:2:22: an arm needs a condition: {when: \"${…}\", then: a step}");
  EXPECT_EQ(wrong("switch: [{when: \"${true}\"}]"),
            "f:2:22: an arm needs a step: {when: \"${…}\", then: a step}");
  EXPECT_EQ(wrong("switch: [{when: \"${true}\", else: a}]"),
            "f:2:46: an arm has either 'when' and 'then', or 'else'");
  EXPECT_EQ(wrong("switch: [a]"),
            "f:2:22: expected {when: \"${…}\", then: a step} or {else: a step}, found 'a'");
  EXPECT_EQ(wrong("switch: [{when: \"${1 + 1}\", then: a}]"),
            "f:2:29: expected true or false for 'when', found a number; compare it, as in x != 0");
  EXPECT_EQ(wrong("uses: llm, switch: [{else: a}]"),
            "f:2:32: a step either uses something or chooses the way; leave one out");
  EXPECT_EQ(wrong("switch: [{else: a}], timeout: 5s"),
            "f:2:43: 'timeout' is for a step that 'uses' something, which this one does not");
}

TEST(StepFlow, AnotherStepMayFollowAnError) {
  const StepFlow flow = flow_of(
      steps("a: {uses: llm, on_error: sorry}, b: {uses: llm, needs: a}, sorry: {input: {text: "
            "\"${error.step} failed\"}}"));
  EXPECT_EQ(flow.steps[0].on_error, OnError::step);
  EXPECT_EQ(flow.steps[0].error_step, 2U);
  EXPECT_TRUE(flow.steps[2].called);
  EXPECT_EQ(edges(flow), "a>b a>sorry");
  EXPECT_FALSE(flow.steps[2].service);
}

TEST(StepFlow, AnotherServiceMayStandIn) {
  const StepFlow flow = flow_of(
      "flow: f\nservices: {llm: {}, small: {kind: llm, url: \"http://h\"}}\nsteps:\n"
      "  a: {uses: llm, fallback: small}\n  b: {uses: llm, fallback: spare, needs: a}\n"
      "  spare: {uses: small}\n");
  EXPECT_EQ(flow.steps[0].fallback, 1U);
  EXPECT_EQ(flow.steps[1].fallback, 1U);
  // A step that only stands in is no step of the flow.
  EXPECT_EQ(edges(flow), "a>b");
  EXPECT_EQ(flow.steps.size(), 2U);
  EXPECT_EQ(mistakes_of("flow: f\nsteps:\n  a: {uses: llm, fallback: b}\n  b: {uses: llm}\n"
                        "output: \"${steps.b.text}\"\n"),
            "f:5:18: 'b' only stands in for another step, whose reply it then gives; read that "
            "one");
}

TEST(StepFlow, AStepOfASwitchMayAlsoStandIn) {
  const StepFlow flow = flow_of(
      "flow: f\nsteps:\n  s: {switch: [{when: \"${request.x}\", then: b}, {else: a}]}\n"
      "  a: {uses: llm, fallback: b}\n  b: {uses: llm}\n");
  EXPECT_EQ(flow.steps.size(), 3U);
  EXPECT_EQ(flow.steps[1].fallback, 0U);
}

TEST(StepFlow, WhatCannotStandIn) {
  EXPECT_EQ(step_mistakes("a: {uses: llm, fallback: b}, b: {input: {x: 1}}, c: {uses: llm, "
                          "fallback: d}, d: {uses: ./f.yaml}"),
            "f:2:34: 'b' asks no service, so it cannot stand in for another\n"
            "f:2:83: 'd' runs a flow; a stand-in is a service");
}

TEST(StepFlow, NotesWhatIsRightButMaySurprise) {
  const StepFlow flow = flow_of(
      "flow: f\nservices: {spare: {url: \"http://h\"}}\nsteps: {a: {uses: llm}, b: {uses: llm}}\n");
  EXPECT_EQ(flow.notes, (std::vector<std::string>{
                            "the service 'spare' is used by no step",
                            "the step 'b' needs nothing, so it starts at once with the request"}));
}

TEST(StepFlow, ListsAllMistakesInTheOrderOfTheFile) {
  EXPECT_EQ(mistakes_of("flow: f\nsteps:\n"
                        "  a: {uses: lm, timeout: 5}\n"
                        "  b: {uses: llm, needs: c, when: \"${steps.d}\"}\n"
                        "  e: {uses: llm, input: {text: \"${1 +}\"}}\n"),
            "f:3:13: 'lm' is no service; did you mean 'llm'?\n"
            "f:3:26: 'timeout': a unit is missing, as in 5s or 5ms\n"
            "f:4:25: 'c' is no step; did you mean 'a'?\n"
            "f:4:43: 'd' is no step; did you mean 'a'?\n"
            "f:5:38: expected a value, found '}'");
}

TEST(StepFlow, ManyExpressionsAreReadInReasonableTime) {
  std::string text = "flow: f\nsteps:\n";
  for (int i = 0; i < 250; ++i) {
    text += "  s" + std::to_string(i) + ": {input: {a: \"${[" +
            (i > 0 ? "steps.s" + std::to_string(i - 1) : "1") +
            ", {b: " + (i > 0 ? "steps.s" + std::to_string(i - 1) : "1") + "}]}\"}}\n";
  }
  text += "output: \"";
  while (text.size() < limits::kFlowFileBytes - 40) text += "${steps.s1.x}${steps.nobody}";
  text += "\"\n";
  EXPECT_TRUE(mistakes_of(text).contains("'nobody' is no step"));
}

// --- The schema for editors

boost::json::array keys_of(const boost::json::value& schema) {
  boost::json::array keys;
  for (const auto& property : schema.at("properties").as_object())
    keys.emplace_back(property.key());
  return keys;
}
boost::json::array keys_of(std::span<const std::string_view> names) {
  boost::json::array keys;
  for (const std::string_view name : names) keys.emplace_back(name);
  return keys;
}

TEST(FlowSchema, HasTheKeysThatAreRead) {
  const boost::json::value schema = boost::json::parse(file_text(OPALINE_DOCS "/flow.schema.json"));
  const auto& definitions = schema.at("$defs");
  EXPECT_EQ(keys_of(schema), keys_of(kStepFlowKeys));
  EXPECT_EQ(keys_of(definitions.at("step")), keys_of(kStepKeys));
  EXPECT_EQ(keys_of(definitions.at("retry")), keys_of(kRetryKeys));
  EXPECT_EQ(keys_of(definitions.at("hedge")), keys_of(kHedgeKeys));
  EXPECT_EQ(keys_of(definitions.at("map")), keys_of(kMapKeys));
  EXPECT_EQ(keys_of(definitions.at("arm")), keys_of(kArmKeys));
  EXPECT_EQ(keys_of(definitions.at("service")), keys_of(kServiceKeys));
  EXPECT_EQ(definitions.at("step").at("properties").at("merge").at("enum"), keys_of(kMerges));
  EXPECT_EQ(definitions.at("error").at("enum"), keys_of(kRetriedErrors));
  EXPECT_EQ(definitions.at("retry").at("properties").at("attempts").at("maximum"),
            limits::kStepAttempts);
  EXPECT_EQ(definitions.at("map").at("properties").at("concurrency").at("maximum"),
            limits::kMapConcurrency);
  for (const auto& definition : definitions.as_object()) {
    if (!definition.value().as_object().contains("properties")) continue;
    EXPECT_EQ(definition.value().at("additionalProperties"), false) << definition.key();
  }
}

}  // namespace
}  // namespace opaline::flow
