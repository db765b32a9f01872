#include "flow/orchestrator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <map>

#include "base/limits.hpp"
#include "flow/flow_service.hpp"
#include "flow/scripted_service.hpp"

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

json::value of(std::string_view text) { return json::parse(text); }
std::string text(const JsonStepOutput& output) {
  return json::serialize(std::get<json::value>(output));
}

/// A stream of given pieces of bytes, then the end.
class Pieces final : public contract::ByteStream {
 public:
  Pieces(std::vector<std::string> pieces, Journal* journal)
      : pieces_(std::move(pieces)), journal_(journal) {}
  ~Pieces() override { journal_->push_back("stream gone"); }
  const std::string& content_type() const override { return type_; }
  base::Task<base::Result<std::optional<std::string>>> next() override {
    if (place_ == pieces_.size()) co_return std::nullopt;
    co_return pieces_[place_++];
  }

 private:
  std::vector<std::string> pieces_;
  Journal* journal_;
  std::size_t place_ = 0;
  std::string type_ = "text/event-stream";
};

class OrchestratorTest : public testing::Test {
 protected:
  using Answer = std::function<base::Result<Reply>(const json::value&, bool stream)>;

  /// "a>b a>c": steps in order of their first mention.
  void flow(std::string_view edges, const std::map<std::string, Answer>& answers = {},
            const std::vector<std::string>& generating = {}) {
    Graph graph;
    const auto node = [&](std::string_view name) {
      if (const auto found = graph.find(name)) return *found;
      auto scripted = std::make_unique<ScriptedService>(std::string(name),
                                                        contract::ServiceKind::custom, &journal_);
      const auto answer = answers.find(std::string(name));
      scripted->script = [answer = answer == answers.end() ? Answer() : answer->second,
                          name = std::string(name)](const Request& request) -> base::Result<Reply> {
        const auto& asked = std::get<JsonRequest>(request);
        if (answer) return answer(asked.body, asked.stream);
        json::object reply;
        reply.emplace(name, asked.body);
        return JsonReply{.body = std::move(reply)};
      };
      services_[std::string(name)] = scripted.get();
      const bool generates = std::ranges::find(generating, std::string(name)) != generating.end();
      steps_.push_back({.service = scripted.get(), .generates = generates});
      made_.push_back(std::move(scripted));
      return graph.add(std::string(name)).value();
    };
    while (!edges.empty()) {
      const std::size_t end = std::min(edges.find(' '), edges.size());
      const std::string_view edge = edges.substr(0, end);
      edges.remove_prefix(std::min(end + 1, edges.size()));
      const std::size_t arrow = edge.find('>');
      const Graph::Node from = node(edge.substr(0, arrow));
      if (arrow != std::string_view::npos) {
        const Graph::Node to = node(edge.substr(arrow + 1));
        ASSERT_TRUE(graph.connect(from, to));
      }
    }
    auto created = Orchestrator::create({.graph = std::move(graph), .steps = steps_, .output = {}});
    ASSERT_TRUE(created) << created.error().message;
    orchestrator_ = *std::move(created);
  }

  void start(JsonFlowRequest request, StepHooks* hooks = nullptr) {
    outcome_.of(
        loop_, orchestrator_->schedule(
                   std::move(request), context_, hooks, [this](const StepReport& report) {
                     reports_.push_back(std::string(report.step) + (report.error ? " failed" : ""));
                   }));
    settle(loop_);
  }
  JsonFlowReply run(JsonFlowRequest request, StepHooks* hooks = nullptr) {
    start(std::move(request), hooks);
    EXPECT_TRUE(outcome_.value()) << outcome_.value().error().message;
    return outcome_.value() ? *std::move(outcome_.value()) : JsonFlowReply{};
  }
  base::Error error_of(JsonFlowRequest request, StepHooks* hooks = nullptr) {
    start(std::move(request), hooks);
    EXPECT_FALSE(outcome_.value());
    return outcome_.value() ? base::Error{} : outcome_.value().error();
  }
  std::string read(contract::ByteStream& stream) {
    std::string all;
    for (;;) {
      Outcome<base::Result<std::optional<std::string>>> next;
      next.of(loop_, stream.next());
      settle(loop_);
      if (!next.value()) return all + "ERROR " + next.value().error().message;
      if (!*next.value()) return all;
      all += **next.value();
    }
  }
  static contract::ByteStream& stream(JsonFlowReply& reply, std::string_view step) {
    return *std::get<std::unique_ptr<contract::ByteStream>>(reply.find(step)->output);
  }
  Answer says(std::string_view body) {
    return [body = std::string(body)](const json::value&, bool) -> base::Result<Reply> {
      return JsonReply{.body = of(body)};
    };
  }
  Answer streams(std::vector<std::string> pieces) {
    return [this, pieces](const json::value&, bool wanted) -> base::Result<Reply> {
      if (!wanted) return JsonReply{.body = of(R"({"text":"whole"})")};
      return std::unique_ptr<contract::ByteStream>(std::make_unique<Pieces>(pieces, &journal_));
    };
  }
  json::value asked(const std::string& step) const {
    return std::get<JsonRequest>(services_.at(step)->requests.at(0)).body;
  }

  base::EventLoop loop_;
  Journal journal_;
  std::vector<std::string> reports_;
  std::vector<std::unique_ptr<ScriptedService>> made_;
  std::map<std::string, ScriptedService*> services_;
  std::vector<JsonStep> steps_;
  std::unique_ptr<Orchestrator> orchestrator_;
  base::Context context_;
  Outcome<base::Result<JsonFlowReply>> outcome_;
};

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

TEST_F(OrchestratorTest, IgnoresAPatternThatIsNone) {
  flow("a>b", {{"a", says(R"({"downstream_black_list":["(", 7]})")}});
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = false});
  EXPECT_NE(reply.find("b"), nullptr);
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

TEST_F(OrchestratorTest, SendsSentencesOfAStreamThroughTheNextStep) {
  flow("llm>upper",
       {{"llm", streams({"data: b'One'\n\ndata: b' two.'\n",
                         "\ndata: {\"choices\":[{\"index\":0,"
                         "\"delta\":{\"content\":\" Three\"}}]}\n\n",
                         "data: [DONE]\n\n"})},
        {"upper",
         [](const json::value& body, bool) -> base::Result<Reply> {
           std::string said(body.at("text").as_string());
           std::ranges::transform(said, said.begin(), [](char c) { return std::toupper(c); });
           json::object reply;
           reply.emplace("text", said);
           return JsonReply{.body = std::move(reply)};
         }}},
       {"llm"});
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = true});
  EXPECT_EQ(reply.find("llm"), nullptr);
  ASSERT_EQ(reply.final_results().size(), 1U);
  EXPECT_EQ(read(stream(reply, "upper")),
            "data: b'ONE '\n\ndata: b'TWO.'\n\ndata: b' THREE'\n\ndata: [DONE]\n\n");
}

TEST_F(OrchestratorTest, AStreamWithoutSentencesIsNotGatheredForEver) {
  std::vector<std::string> pieces(1000, "data: b'word '\n\n");
  flow("llm>count",
       {{"llm", streams(pieces)},
        {"count",
         [](const json::value& body, bool) -> base::Result<Reply> {
           EXPECT_LE(body.at("text").as_string().size(), 4100U);
           json::object reply;
           reply.emplace("text", "x");
           return JsonReply{.body = std::move(reply)};
         }}},
       {"llm"});
  auto reply = run({.inputs = of("{}"), .parameters = {}, .stream = true});
  EXPECT_EQ(read(stream(reply, "count")), "data: b'x'\n\ndata: b'x'\n\ndata: [DONE]\n\n");
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

// --- What Opaline's own flow files have beyond OPEA

Expression expression(std::string_view text) {
  auto parsed = Expression::parse(text);
  EXPECT_TRUE(parsed) << text;
  return *std::move(parsed);
}
ValueTemplate value(std::string_view json) {
  auto parsed = ValueTemplate::parse(of(json));
  EXPECT_TRUE(parsed) << json;
  return *std::move(parsed);
}

class ShapedStepsTest : public OrchestratorTest {
 protected:
  /// Makes the flow and lets `shape` change its steps, by name.
  void shaped(std::string_view edges, const std::map<std::string, Answer>& answers,
              const std::function<void(JsonFlow&)>& shape) {
    flow(edges, answers);
    JsonFlow changed = orchestrator_->flow();
    shape(changed);
    auto created = Orchestrator::create(std::move(changed));
    ASSERT_TRUE(created) << created.error().message;
    orchestrator_ = *std::move(created);
  }
  static JsonStep& step(JsonFlow& flow, std::string_view name) {
    return flow.steps[flow.graph.find(name).value()];
  }
  JsonFlowReply ask(std::string_view inputs) {
    return run({.inputs = of(inputs), .parameters = {}, .stream = false});
  }
  std::vector<std::string> ran() const {
    std::vector<std::string> names;
    for (const std::string& line : journal_) {
      if (line.starts_with("start ")) names.push_back(line.substr(6));
    }
    return names;
  }
};

TEST_F(ShapedStepsTest, AStepGetsWhatItsInputSays) {
  shaped("a>b", {{"a", says(R"({"text":"x","more":[1,2]})")}}, [](JsonFlow& flow) {
    step(flow, "b").input = value(R"({"q":"${steps.a.text}","n":"${request.n}"})");
    step(flow, "b").output = value(R"({"got":"${output.b.q}"})");
  });
  auto reply = ask(R"({"n":3})");
  EXPECT_EQ(json::serialize(asked("b")), R"({"q":"x","n":3})");
  EXPECT_EQ(text(reply.find("b")->output), R"({"got":"x"})");
}

TEST_F(ShapedStepsTest, AStepWhoseConditionDoesNotHoldIsPassedOver) {
  shaped("a>b b>c", {{"a", says(R"({"hits":[]})")}},
         [](JsonFlow& flow) { step(flow, "b").when = expression("len(steps.a.hits) > 0"); });
  ask("{}");
  EXPECT_THAT(ran(), ElementsAre("a", "c"));
  EXPECT_EQ(json::serialize(asked("c")), R"({"hits":[]})") << "what the step before would have got";
}

TEST_F(ShapedStepsTest, AConditionThatCannotBeDecidedIsAnError) {
  shaped("a>b", {{"a", says(R"({"n":"x"})")}},
         [](JsonFlow& flow) { step(flow, "b").when = expression("steps.a.n > 0"); });
  const base::Error error = error_of({.inputs = of("{}"), .parameters = {}, .stream = false});
  EXPECT_THAT(error.message, HasSubstr("step 'b': "));
  EXPECT_EQ(error.code, ErrorCode::invalid_argument);
}

TEST_F(ShapedStepsTest, ASwitchTakesTheFirstArmThatHolds) {
  const auto shape = [](JsonFlow& flow) {
    step(flow, "route").service = nullptr;
    step(flow, "route").arms = {
        {.when = expression("request.n < 1"), .then = flow.graph.find("small").value()},
        {.when = expression("request.n < 10"), .then = flow.graph.find("large").value()},
        {.when = {}, .then = flow.graph.find("other").value()}};
  };
  const std::string_view edges =
      "route>small route>large route>other small>end large>more more>end other>end";
  shaped(edges, {}, shape);
  ask(R"({"n":0})");
  EXPECT_THAT(ran(), ElementsAre("small", "end"));
}

TEST_F(ShapedStepsTest, WhatOnlyAnotherArmLeadsToIsNotRun) {
  shaped("route>small route>large small>end large>more more>end", {}, [](JsonFlow& flow) {
    step(flow, "route").service = nullptr;
    step(flow, "route").arms = {
        {.when = expression("request.n < 1"), .then = flow.graph.find("small").value()},
        {.when = {}, .then = flow.graph.find("large").value()}};
  });
  auto reply = ask(R"({"n":5})");
  EXPECT_THAT(ran(), ElementsAre("large", "more", "end"));
  EXPECT_EQ(json::serialize(asked("large")), R"({"n":5})");
  EXPECT_EQ(reply.find("small"), nullptr);
}

TEST_F(ShapedStepsTest, WhatIsNotTakenIsNotRunWhateverElseLeadsToIt) {
  shaped("each>route route>many route>few each>many each>few", {}, [](JsonFlow& flow) {
    step(flow, "route").service = nullptr;
    step(flow, "route").arms = {
        {.when = expression("request.n < 1"), .then = flow.graph.find("few").value()},
        {.when = {}, .then = flow.graph.find("many").value()}};
  });
  ask(R"({"n":5})");
  EXPECT_THAT(ran(), ElementsAre("each", "many"));
}

TEST_F(ShapedStepsTest, AHandlerIsNotRunForWhatElseLeadsToIt) {
  shaped("a>b a>sorry b>sorry", {}, [](JsonFlow& flow) {
    step(flow, "b").on_error = JsonStep::OnError::handle;
    step(flow, "b").handler = flow.graph.find("sorry").value();
  });
  ask("{}");
  EXPECT_THAT(ran(), ElementsAre("a", "b"));
}

TEST_F(ShapedStepsTest, WhatIsTakenGetsTheInputOfTheSwitch) {
  shaped("route>small", {}, [](JsonFlow& flow) {
    step(flow, "route").service = nullptr;
    step(flow, "route").input = value(R"({"q":"${request.n}"})");
    step(flow, "route").arms = {{.when = {}, .then = flow.graph.find("small").value()}};
  });
  ask(R"({"n":5})");
  EXPECT_EQ(json::serialize(asked("small")), R"({"q":5})");
}

TEST_F(ShapedStepsTest, WithoutAnArmThatHoldsNothingFollows) {
  shaped("route>small small>end", {}, [](JsonFlow& flow) {
    step(flow, "route").service = nullptr;
    step(flow, "route").arms = {
        {.when = expression("false"), .then = flow.graph.find("small").value()}};
  });
  auto reply = ask("{}");
  EXPECT_TRUE(ran().empty());
  EXPECT_EQ(std::move(reply).take_answer().error().code, ErrorCode::internal);
}

TEST_F(ShapedStepsTest, MapsOverAListAFewAtATime) {
  shaped("a>each", {{"a", says(R"({"docs":["x","y","z"]})")}}, [](JsonFlow& flow) {
    step(flow, "each").map =
        JsonStep::Map{.over = value(R"("${steps.a.docs}")"), .item = "doc", .concurrency = 2};
    step(flow, "each").input = value(R"({"text":"${doc}","at":"${index}"})");
  });
  services_["each"]->held = true;
  start({.inputs = of("{}"), .parameters = {}, .stream = false});
  EXPECT_EQ(services_["each"]->waiting(), 2U);
  for (int i = 0; i < 3; ++i) {
    services_["each"]->release();
    settle(loop_);
  }
  ASSERT_TRUE(outcome_.ended());
  ASSERT_TRUE(outcome_.value());
  EXPECT_EQ(text(outcome_.value()->find("each")->output),
            R"([{"each":{"text":"x","at":0}},{"each":{"text":"y","at":1}},)"
            R"({"each":{"text":"z","at":2}}])");
}

TEST_F(ShapedStepsTest, AnOutputOfAMapIsThatOfEachElement) {
  shaped("each", {}, [](JsonFlow& flow) {
    step(flow, "each").map = JsonStep::Map{.over = value(R"("${request}")")};
    step(flow, "each").output =
        value(R"({"of":"${item}","at":"${index}","said":"${output.each}"})");
  });
  auto reply = ask("[7]");
  EXPECT_EQ(text(reply.find("each")->output), R"([{"of":7,"at":0,"said":7}])");
}

TEST_F(ShapedStepsTest, TheFirstElementThatFailsStopsTheOthers) {
  shaped("each",
         {{"each",
           [](const json::value& body, bool) -> base::Result<Reply> {
             if (body.as_int64() == 2) return base::fail(ErrorCode::unavailable, "down");
             return JsonReply{.body = body};
           }}},
         [](JsonFlow& flow) {
           step(flow, "each").map = JsonStep::Map{.over = value(R"("${request}")")};
         });
  const base::Error error = error_of({.inputs = of("[1,2,3]"), .parameters = {}, .stream = false});
  EXPECT_EQ(error.message, "step 'each': element 1: down");
}

TEST_F(ShapedStepsTest, AMapNeedsAListOfABoundedLength) {
  const auto shape = [](JsonFlow& flow) {
    step(flow, "each").map = JsonStep::Map{.over = value(R"("${request}")")};
  };
  shaped("each", {}, shape);
  EXPECT_EQ(error_of({.inputs = of("{}"), .parameters = {}, .stream = false}).message,
            "step 'each': its map is not over a list");
  json::array many(limits::kMapItems + 1);
  outcome_ = {};
  EXPECT_EQ(error_of({.inputs = many, .parameters = {}, .stream = false}).code,
            ErrorCode::resource_exhausted);
  outcome_ = {};
  EXPECT_EQ(text(ask("null").find("each")->output), "[]");
}

const auto kDown = [](const json::value&, bool) -> base::Result<Reply> {
  return base::fail(ErrorCode::unavailable, "down");
};

TEST_F(ShapedStepsTest, AFailureMayBeSkipped) {
  shaped("a>b b>c", {{"a", says(R"({"x":1})")}, {"b", kDown}},
         [](JsonFlow& flow) { step(flow, "b").on_error = JsonStep::OnError::skip; });
  ask("{}");
  EXPECT_EQ(json::serialize(asked("c")), R"({"x":1})");
  EXPECT_THAT(reports_, ElementsAre("a", "b failed", "c"));
}

TEST_F(ShapedStepsTest, AFailureMayBeHandledByAStepOfItsOwn) {
  const auto shape = [](JsonFlow& flow) {
    step(flow, "b").on_error = JsonStep::OnError::handle;
    step(flow, "b").handler = flow.graph.find("sorry").value();
    step(flow, "sorry").input = value(R"({"why":"${error.message}","code":"${error.code}"})");
  };
  shaped("a>b b>c b>sorry c>end sorry>end", {{"b", kDown}}, shape);
  ask("{}");
  EXPECT_THAT(ran(), ElementsAre("a", "b", "sorry", "end"));
  EXPECT_EQ(json::serialize(asked("sorry")), R"({"why":"down","code":"unavailable"})");
}

TEST_F(ShapedStepsTest, AHandlerIsNotRunWhenNothingFails) {
  shaped("b>c b>sorry c>end sorry>end", {}, [](JsonFlow& flow) {
    step(flow, "b").on_error = JsonStep::OnError::handle;
    step(flow, "b").handler = flow.graph.find("sorry").value();
  });
  ask("{}");
  EXPECT_THAT(ran(), ElementsAre("b", "c", "end"));
}

TEST_F(ShapedStepsTest, OneWhoLeavesIsNoFailureToHandle) {
  shaped("a>b", {}, [](JsonFlow& flow) { step(flow, "a").on_error = JsonStep::OnError::skip; });
  services_["a"]->held = true;
  start({.inputs = of("{}"), .parameters = {}, .stream = false});
  context_.cancellation->request();
  settle(loop_);
  EXPECT_EQ(outcome_.value().error().code, ErrorCode::cancelled);
  EXPECT_THAT(ran(), ElementsAre("a"));
}

TEST_F(ShapedStepsTest, JoinsAsItsMergeSays) {
  const std::map<std::string, Answer> answers = {
      {"a", says("[1]")}, {"b", says("2")}, {"n", says("null")}};
  shaped("n>d a>c b>c a>d b>d", answers, [](JsonFlow& flow) {
    step(flow, "c").merge = JsonStep::Merge::list;
    step(flow, "d").merge = JsonStep::Merge::first;
  });
  ask("{}");
  EXPECT_EQ(json::serialize(asked("c")), "[[1],2]");
  EXPECT_EQ(json::serialize(asked("d")), "[1]") << "the first that is not null";
}

TEST_F(ShapedStepsTest, AStepWithoutAServiceComputes) {
  shaped("a>sum", {{"a", says(R"({"n":2})")}}, [](JsonFlow& flow) {
    step(flow, "sum").service = nullptr;
    step(flow, "sum").input = value(R"({"n":"${steps.a.n + 1}"})");
  });
  EXPECT_EQ(text(ask("{}").find("sum")->output), R"({"n":3})");
}

TEST_F(ShapedStepsTest, AFlowMayHaveAnOutputOfItsOwn) {
  shaped("a>b", {{"a", says(R"({"n":2})")}}, [](JsonFlow& flow) {
    flow.output = value(R"({"first":"${steps.a.n}","last":"${steps.b.b.n}"})");
  });
  auto reply = ask("{}");
  EXPECT_EQ(text(std::move(reply).take_answer().value()), R"({"first":2,"last":2})");
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
