#include "flow/orchestrator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "flow/flow_service.hpp"
#include "flow/orchestrator_fixture.hpp"

namespace opaline::flow {
namespace {

using base::ErrorCode;
using contract::JsonReply;
using contract::JsonRequest;
using contract::Reply;
using contract::Request;
using testing::ElementsAre;
using testing::HasSubstr;

namespace json = boost::json;

TEST_F(OrchestratorTest, HandsEachOutputToTheNextStep) {
  flow("a>b");
  auto reply = run({.inputs = of(R"({"n":1})"), .parameters = {}, .stream = false});
  EXPECT_EQ(text(reply.find("b")->output), R"({"b":{"a":{"n":1}}})");
  ASSERT_EQ(reply.final_results().size(), 1U);
  EXPECT_EQ(reply.final_results().front()->step, "b");
  EXPECT_THAT(reports_, ElementsAre("a", "b"));
}

TEST_F(OrchestratorTest, MergesOutputsWhereBranchesJoin) {
  flow("a>c b>c", {{"a", says(R"({"x":1,"same":"a"})")}, {"b", says(R"({"y":2,"same":"b"})")}});
  run({.inputs = of("{}"), .parameters = {}, .stream = false});
  EXPECT_EQ(json::serialize(asked("c")), R"({"x":1,"same":"b","y":2})");
}

TEST_F(OrchestratorTest, StartsBranchesAtOnce) {
  flow("a>c b>c");
  services_["a"]->held = services_["b"]->held = true;
  start({.inputs = of("{}"), .parameters = {}, .stream = false});
  EXPECT_THAT(journal_, ElementsAre("start a", "start b"));
  services_["b"]->release();
  settle(loop_);
  EXPECT_FALSE(outcome_.ended());
  services_["a"]->release();
  settle(loop_);
  EXPECT_TRUE(outcome_.ended());
}

TEST_F(OrchestratorTest, LaysParametersOverWhatGeneratingStepsGet) {
  flow("a>llm", {{"a", says(R"({"text":"hi","max_tokens":5})")}}, {"llm"});
  json::object parameters;
  parameters.emplace("max_tokens", 17);
  run({.inputs = of("{}"), .parameters = parameters, .stream = false});
  EXPECT_EQ(json::serialize(asked("llm")), R"({"text":"hi","max_tokens":17,"stream":false})");
  EXPECT_EQ(json::serialize(asked("a")), "{}");
}

TEST_F(OrchestratorTest, LeavesOutWhatIsBlackListed) {
  flow("a>b a>c", {{"a", says(R"({"text":"no","downstream_black_list":["^c$"]})")}});
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = false});
  EXPECT_NE(reply.find("b"), nullptr);
  EXPECT_EQ(reply.find("c"), nullptr);
  EXPECT_THAT(reply.reached, ElementsAre("a", "b"));
}

TEST_F(OrchestratorTest, ABlackListedStepIsNotRunWhateverElseLeadsToIt) {
  flow("a>c b>c", {{"b", says(R"({"downstream_black_list":[".*"]})")}});
  services_["a"]->held = true;
  start({.inputs = of("{}"), .parameters = {}, .stream = false});
  services_["a"]->release();
  settle(loop_);
  EXPECT_THAT(journal_, ElementsAre("start a", "start b", "end b", "end a"));
}

TEST_F(OrchestratorTest, ABlockedRequestStreamsTheReason) {
  flow("guard>llm", {{"guard", says(R"({"text":"It's no","downstream_black_list":[".*"]})")}},
       {"llm"});
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = true});
  EXPECT_EQ(read(stream(reply, "guard")), "data: b\"It's no\"\n\ndata: [DONE]\n\n");
  EXPECT_TRUE(services_["llm"]->requests.empty());
}

TEST_F(OrchestratorTest, ABlackListThatCannotBeReadLetsNothingThrough) {
  flow("guard>llm", {{"guard", says(R"({"downstream_black_list":["(?!safe).*"]})")}});
  const base::Error error = error_of({.inputs = of("{}"), .parameters = {}, .stream = false});
  EXPECT_EQ(error.code, ErrorCode::failed_precondition);
  EXPECT_THAT(error.message, HasSubstr("step 'guard': the 'downstream_black_list' of its answer"));
  EXPECT_TRUE(services_["llm"]->requests.empty());
}

TEST_F(OrchestratorTest, StreamsTheLastGeneratingStep) {
  flow("a>llm", {{"llm", streams({"data: {\"x\":", "1}\n\n", "data: [DONE]\n\n"})}}, {"llm"});
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = true});
  EXPECT_TRUE(asked("llm").at("stream").as_bool());
  EXPECT_THAT(reports_, ElementsAre("a"));
  EXPECT_EQ(read(stream(reply, "llm")), "data: {\"x\":1}\n\ndata: [DONE]\n\n");
  EXPECT_THAT(reports_, ElementsAre("a", "llm"));
}

TEST_F(OrchestratorTest, AStreamThatIsDroppedEndsItsStep) {
  flow("llm", {{"llm", streams({"data: 1\n\n"})}}, {"llm"});
  {
    auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = true});
    EXPECT_NE(reply.find("llm"), nullptr);
  }
  outcome_ = {};
  EXPECT_THAT(reports_, ElementsAre("llm failed"));
  EXPECT_EQ(journal_.back(), "stream gone");
}

TEST_F(OrchestratorTest, AStreamGoesThroughTheOneStepThatFollows) {
  flow("llm>upper",
       {{"llm", streams({"data: b'One.'\n\ndata: [DONE]\n\n"})},
        {"upper", says(R"({"text":"ONE."})")}},
       {"llm"});
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = true});
  EXPECT_EQ(reply.find("llm"), nullptr);
  ASSERT_EQ(reply.final_results().size(), 1U);
  EXPECT_EQ(read(stream(reply, "upper")), "data: b'ONE.'\n\ndata: [DONE]\n\n");
}

TEST_F(OrchestratorTest, WhatAStreamGoesThroughIsBlamedForItsOwnFailures) {
  flow("llm>upper",
       {{"llm", streams({"data: b'One.'\n\ndata: [DONE]\n\n"})},
        {"upper",
         [](const json::value&, bool) -> base::Result<Reply> {
           return base::fail(ErrorCode::unavailable, "down");
         }}},
       {"llm"});
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = true});
  Outcome<base::Result<std::optional<std::string>>> next;
  next.of(loop_, stream(reply, "upper").next());
  settle(loop_);
  ASSERT_FALSE(next.value());
  EXPECT_EQ(next.value().error().message, "step 'upper': down");
  EXPECT_EQ(next.value().error().step, "upper");
  reply = {};
  EXPECT_THAT(reports_, ElementsAre("upper failed", "llm"));
}

TEST_F(OrchestratorTest, AStreamGoesNoFurtherThanWhereItBreaksOff) {
  flow("llm>upper", {{"llm", streams({"data: b'One"})}}, {"llm"});
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = true});
  EXPECT_EQ(read(stream(reply, "upper")),
            "ERROR step 'llm': it broke off in the middle of an answer");
  EXPECT_THAT(reports_, ElementsAre("llm failed"));
}

TEST_F(OrchestratorTest, AStreamWithLongerWaysToGoIsAskedForWhole) {
  flow("llm>b b>c", {{"llm", streams({})}}, {"llm"});
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = true});
  EXPECT_EQ(text(reply.find("c")->output), R"({"c":{"b":{"text":"whole"}}})");
}

TEST_F(OrchestratorTest, KeepsTheBytesOfTheLastStep) {
  flow("a>tts", {{"tts", [](const json::value&, bool) -> base::Result<Reply> {
                    return contract::BytesReply{.content_type = "audio/wav", .bytes = "RIFF"};
                  }}});
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = false});
  EXPECT_EQ(std::get<contract::BytesReply>(reply.find("tts")->output).bytes, "RIFF");
}

TEST_F(OrchestratorTest, HooksMayLetAnAnswerBe) {
  class JsonOnly final : public StepHooks {
   public:
    bool aligns(const JsonOrBytes& output) const override { return output.index() == 0; }
  };
  flow("a>tts", {{"tts", [](const json::value&, bool) -> base::Result<Reply> {
                    return contract::BytesReply{.content_type = "audio/wav", .bytes = "RIFF"};
                  }}});
  JsonOnly hooks;
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = false}, &hooks);
  EXPECT_EQ(std::get<contract::BytesReply>(reply.find("tts")->output).bytes, "RIFF");
}

TEST_F(OrchestratorTest, BytesInTheMiddleNeedAHook) {
  const Answer wav = [](const json::value&, bool) -> base::Result<Reply> {
    return contract::BytesReply{.content_type = "audio/wav", .bytes = "RIFF"};
  };
  flow("tts>b", {{"tts", wav}});
  const base::Error error = error_of({.inputs = of("{}"), .parameters = {}, .stream = false});
  EXPECT_THAT(error.message, HasSubstr("step 'b': step 'tts' before it did not answer with JSON"));
}

TEST_F(OrchestratorTest, TheFirstFailureNamesItsStepAndStopsTheOthers) {
  flow("a>c b>c", {{"a", [](const json::value&, bool) -> base::Result<Reply> {
                      return base::fail(ErrorCode::unavailable, "down");
                    }}});
  services_["b"]->held = true;
  const base::Error error = error_of({.inputs = of("{}"), .parameters = {}, .stream = false});
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_EQ(error.message, "step 'a': down");
  EXPECT_EQ(journal_.back(), "cancelled b");
}

TEST_F(OrchestratorTest, OutputsThatCannotBeMergedAreAnError) {
  flow("a>c b>c", {{"a", says("[1]")}});
  const base::Error error = error_of({.inputs = of("{}"), .parameters = {}, .stream = false});
  EXPECT_THAT(error.message, HasSubstr("step 'c': the outputs of the steps before it cannot"));
}

TEST_F(OrchestratorTest, ThrowingIsAnErrorOfTheStep) {
  flow("a", {{"a", [](const json::value&, bool) -> base::Result<Reply> {
                throw std::runtime_error("surprise");
              }}});
  EXPECT_EQ(error_of({.inputs = of("{}"), .parameters = {}, .stream = false}).code,
            ErrorCode::internal);
}

/// ChatQnA's way: without documents the reranking is taken out of the run.
class TakesOutB final : public StepHooks {
 public:
  base::Task<base::Result<json::value>> align_inputs(json::value inputs, HookSite site) override {
    seen.push_back("in " + std::string(site.step) + " " + json::serialize(inputs));
    co_return inputs;
  }
  base::Task<base::Result<json::value>> align_outputs(JsonOrBytes output, const json::value& inputs,
                                                      HookSite site) override {
    seen.push_back("out " + std::string(site.step) + " " + json::serialize(inputs));
    if (site.step == "a") {
      const Graph::Node a = site.graph.find("a").value();
      const Graph::Node b = site.graph.find("b").value();
      const Graph::Node c = site.graph.find("c").value();
      EXPECT_TRUE(site.graph.connect(a, c));
      site.graph.isolate(b);
    }
    co_return std::get<json::value>(std::move(output));
  }
  std::vector<std::string> seen;
};

TEST_F(OrchestratorTest, AHookMayTakeAStepOutOfItsRunAlone) {
  flow("a>b b>c", {{"a", says(R"({"docs":[]})")}});
  TakesOutB hooks;
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = false}, &hooks);
  EXPECT_THAT(hooks.seen,
              ElementsAre("in a {}", "out a {}", R"(in c {"docs":[]})", R"(out c {"docs":[]})"));
  EXPECT_THAT(reply.reached, ElementsAre("a", "c"));
  EXPECT_EQ(orchestrator_->flow().graph.successors(0).size(), 1U)
      << "other requests go the old way";
}

TEST_F(OrchestratorTest, NothingStartsWhenTheTimeIsOver) {
  flow("a");
  context_.deadline = base::Context::Clock::now();
  EXPECT_EQ(error_of({.inputs = of("{}"), .parameters = {}, .stream = false}).code,
            ErrorCode::deadline_exceeded);
}

TEST_F(OrchestratorTest, AFlowIsAStepOfAnother) {
  flow("a>llm", {}, {"llm"});
  const FlowService inner(*orchestrator_);
  EXPECT_EQ(inner.health().state, contract::Health::State::ready);
  FlowService service(*orchestrator_);
  Graph graph;
  ASSERT_TRUE(graph.add("inner"));
  auto outer = Orchestrator::create(
      {.graph = std::move(graph), .steps = {{.service = &service}}, .output = {}});
  ASSERT_TRUE(outer);
  outcome_.of(loop_, (*outer)->schedule(
                         {.inputs = of(R"({"seed":7,"x":1})"), .parameters = {}, .stream = false},
                         context_, nullptr, {}));
  settle(loop_);
  ASSERT_TRUE(outcome_.value()) << outcome_.value().error().message;
  EXPECT_EQ(text(outcome_.value()->find("inner")->output),
            R"({"llm":{"a":{"seed":7,"x":1},"seed":7,"stream":false}})");
}

TEST_F(OrchestratorTest, AnErrorOfAStepInsideNamesTheWay) {
  flow("a", {{"a", [](const json::value&, bool) -> base::Result<Reply> {
                return base::fail(ErrorCode::unavailable, "down");
              }}});
  FlowService service(*orchestrator_);
  Graph graph;
  ASSERT_TRUE(graph.add("inner"));
  auto outer = Orchestrator::create(
      {.graph = std::move(graph), .steps = {{.service = &service}}, .output = {}});
  outcome_.of(loop_, (*outer)->schedule({}, context_, nullptr, {}));
  settle(loop_);
  EXPECT_EQ(outcome_.value().error().message, "step 'inner': step 'a': down");
}

TEST(OrchestratorCreate, RefusesWaysThatLeadNowhere) {
  Graph graph;
  ASSERT_TRUE(graph.add("a"));
  ASSERT_TRUE(graph.add("b"));
  JsonStep chooses;
  chooses.arms = {{.when = {}, .then = 1}};
  JsonStep computes;
  computes.input = ValueTemplate();
  EXPECT_EQ(Orchestrator::create({.graph = graph, .steps = {chooses, computes}, .output = {}})
                .error()
                .message,
            "step 'a': it chooses a step that does not follow it");
}

TEST(OrchestratorCreate, NeedsServicesThatTakeJson) {
  Graph graph;
  ASSERT_TRUE(graph.add("a"));
  EXPECT_EQ(
      Orchestrator::create({.graph = graph, .steps = {JsonStep{}}, .output = {}}).error().message,
      "step 'a': it has no service that takes JSON");
  EXPECT_EQ(Orchestrator::create({}).error().code, ErrorCode::failed_precondition);
}

}  // namespace
}  // namespace opaline::flow