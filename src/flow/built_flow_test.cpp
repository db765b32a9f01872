#include "flow/built_flow.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "flow/any_flow.hpp"
#include "flow/scripted_service.hpp"

namespace opaline::flow {
namespace {

using base::ErrorCode;
using contract::JsonReply;
using contract::JsonRequest;
using contract::Reply;
using contract::Request;
using testing::ElementsAre;

/// A flow file of steps, run over scripted services that have its services' names.
class BuiltFlowTest : public testing::Test {
 protected:
  void build(const std::string& yaml) {
    auto flow = read_any_flow(yaml, "flow.yaml");
    ASSERT_TRUE(flow) << flow.error().message;
    const auto services = [this](const ServiceSpec& spec) { return &service(spec.name); };
    auto built = std::visit(
        [&services](const auto& one) { return BuiltFlow::create(one, services); }, *flow);
    ASSERT_TRUE(built) << built.error().message;
    built_ = *std::move(built);
  }
  ScriptedService& service(const std::string& name) {
    auto& made = services_[name];
    if (!made) {
      made = std::make_unique<ScriptedService>(name, contract::ServiceKind::custom, &journal_);
      made->script = [this, name](const Request&) -> base::Result<Reply> {
        if (down_ == name) return base::fail(ErrorCode::unavailable, "down");
        return JsonReply{.body = boost::json::string(name)};
      };
    }
    return *made;
  }
  std::string ask(const std::string& inputs = "{}") {
    Outcome<base::Result<JsonFlowReply>> outcome;
    JsonFlowRequest request{
        .inputs = boost::json::parse(inputs), .parameters = {}, .stream = false};
    outcome.of(loop_, built_->orchestrator().schedule(std::move(request), context_, nullptr, {}));
    settle(loop_);
    EXPECT_TRUE(outcome.ended());
    if (!outcome.value()) return outcome.value().error().message;
    auto answer = std::move(*outcome.value()).take_answer();
    return answer ? boost::json::serialize(std::get<boost::json::value>(*answer))
                  : answer.error().message;
  }

  base::EventLoop loop_;
  Journal journal_;
  std::map<std::string, std::unique_ptr<ScriptedService>> services_;
  std::string down_;
  base::Context context_;
  std::unique_ptr<BuiltFlow> built_;
};

TEST_F(BuiltFlowTest, AStandInsAnswerIsNotKeptAsTheSteps) {
  build(
      "flow: f\n"
      "services: {own: {url: 'http://a/x'}, brief: {url: 'http://b/x'}}\n"
      "steps: {s: {uses: own, fallback: brief, cache: 10m}}\n");
  down_ = "own";
  EXPECT_EQ(ask(), R"("brief")");
  down_ = "";
  EXPECT_EQ(ask(), R"("own")");
  EXPECT_EQ(ask(), R"("own")");
  EXPECT_EQ(service("own").requests.size(), 2U) << "kept once it answered";
}

TEST_F(BuiltFlowTest, TheTimeOfAMapIsForAllItsElements) {
  build(
      "flow: f\n"
      "services: {own: {url: 'http://a/x'}, brief: {url: 'http://b/x'}}\n"
      "steps: {s: {uses: own, fallback: brief, timeout: 5s,\n"
      "            map: {over: '${request}', as: x, concurrency: 1}}}\n");
  service("own").held = true;
  Outcome<base::Result<JsonFlowReply>> outcome;
  outcome.of(loop_, built_->orchestrator().schedule(
                        {.inputs = boost::json::parse("[1,2]"), .parameters = {}, .stream = false},
                        context_, nullptr, {}));
  settle(loop_);
  service("own").release();
  settle(loop_);
  service("own").release();
  settle(loop_);
  ASSERT_TRUE(outcome.ended());
  const auto& asked = service("own").contexts;
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[0].deadline, asked[1].deadline);
  EXPECT_LE(asked[0].remaining(), std::chrono::seconds(5));
}

TEST_F(BuiltFlowTest, WhatHandlesTheErrorOfAStepThatIsNotChosenDoesNotRun) {
  build(
      "flow: f\n"
      "services: {a: {url: 'http://a/x'}, n: {url: 'http://n/x'}, x: {url: 'http://x/x'}, h: {url: "
      "'http://h/x'}}\n"
      "steps:\n"
      "  first: {uses: a}\n"
      "  where: {needs: first, switch: [{when: '${request.far}', then: far}, {else: near}]}\n"
      "  near: {uses: n}\n"
      "  far: {uses: x, on_error: instead}\n"
      "  instead: {uses: h, input: '${steps.first}'}\n");
  EXPECT_EQ(ask("{}"), R"("n")");
  EXPECT_EQ(ask(R"({"far": true})"), R"("x")");
  EXPECT_TRUE(service("h").requests.empty());
  down_ = "x";
  EXPECT_EQ(ask(R"({"far": true})"), R"("h")");
}

TEST_F(BuiltFlowTest, ASwitchThatIsPassedOverChoosesNothing) {
  build(
      "flow: f\n"
      "services: {a: {url: 'http://a/x'}, b: {url: 'http://b/x'}}\n"
      "steps:\n"
      "  first: {uses: a}\n"
      "  where: {needs: first, when: '${request.far}', switch: [{else: far}]}\n"
      "  far: {uses: b}\n");
  ask("{}");
  EXPECT_TRUE(service("b").requests.empty());
}

TEST_F(BuiltFlowTest, OpeasFlowsAreAskedInTextToo) {
  build("opea_micro_services: {g: {url: 'http://g/v1/guardrails'}}\n");
  ask(R"({"messages": [{"role": "user", "content": "Why?"}]})");
  ask(R"({"messages": "a", "text": "b"})");
  ask(R"({"messages": 7})");
  ask("[1]");
  std::vector<std::string> asked;
  for (const Request& one : service("g").requests) {
    asked.push_back(boost::json::serialize(std::get<JsonRequest>(one).body));
  }
  EXPECT_THAT(asked, ElementsAre(R"({"messages":[{"role":"user","content":"Why?"}],"text":"Why?"})",
                                 R"({"messages":"a","text":"b"})", R"({"messages":7})", "[1]"));
}

TEST_F(BuiltFlowTest, AFlowOfWhichAllIsPassedOverAnswersNull) {
  build(
      "flow: f\n"
      "services: {a: {url: 'http://a/x'}}\n"
      "steps: {s: {uses: a, when: '${request.wanted}'}}\n");
  EXPECT_EQ(ask("{}"), "null");
  EXPECT_EQ(ask(R"({"wanted": true})"), R"("a")");
}

}  // namespace
}  // namespace opaline::flow
