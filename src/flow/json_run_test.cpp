#include "flow/json_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "flow/orchestrator_fixture.hpp"

namespace opaline::flow {
namespace {

using base::ErrorCode;
using contract::JsonReply;
using contract::Reply;
using testing::ElementsAre;
using testing::HasSubstr;

namespace json = boost::json;

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

TEST_F(ShapedStepsTest, WhatIsPassedOverInManyLayersIsLookedThroughOnce) {
  // Every way through the layers is one of 4²⁰.
  const auto node = [](int layer, int place) {
    return "p" + std::to_string(layer) + "_" + std::to_string(place);
  };
  std::string edges;
  for (int place = 0; place < 4; ++place) {
    edges += "a>" + node(0, place) + " b>" + node(0, place) + " " + node(19, place) + ">end ";
    for (int layer = 1; layer < 20; ++layer) {
      for (int before = 0; before < 4; ++before) {
        edges += node(layer - 1, before) + ">" + node(layer, place) + " ";
      }
    }
  }
  edges.pop_back();
  shaped(edges, {{"a", says(R"({"x":1,"from":"a"})")}, {"b", says(R"({"from":"b"})")}},
         [](JsonFlow& flow) {
           for (Graph::Node one = 0; one < flow.graph.size(); ++one) {
             if (flow.graph.name(one).starts_with("p")) flow.steps[one].when = expression("false");
           }
         });
  ask("{}");
  EXPECT_THAT(ran(), ElementsAre("a", "b", "end"));
  EXPECT_EQ(json::serialize(asked("end")), R"({"x":1,"from":"b"})") << "in the graph's order";
}

TEST_F(ShapedStepsTest, AConditionThatCannotBeDecidedIsAnError) {
  shaped("a>b", {{"a", says(R"({"n":"x"})")}},
         [](JsonFlow& flow) { step(flow, "b").when = expression("steps.a.n > 0"); });
  const base::Error error = error_of({.inputs = of("{}"), .parameters = {}, .stream = false});
  EXPECT_THAT(error.message, HasSubstr("step 'b': "));
  EXPECT_EQ(error.code, ErrorCode::invalid_argument);
}

TEST_F(ShapedStepsTest, AConditionThatCannotBeDecidedIsAFailureThatMayBeSkipped) {
  shaped("a>b b>c", {{"a", says(R"({"n":"x"})")}}, [](JsonFlow& flow) {
    step(flow, "b").when = expression("steps.a.n > 0");
    step(flow, "b").on_error = OnError::skip;
  });
  ask("{}");
  EXPECT_THAT(ran(), ElementsAre("a", "c"));
  EXPECT_EQ(json::serialize(asked("c")), R"({"n":"x"})");
  EXPECT_THAT(reports_, ElementsAre("a", "b failed", "c"));
}

TEST_F(ShapedStepsTest, AConditionThatCannotBeDecidedIsAFailureThatMayBeHandled) {
  shaped("a>b b>c b>sorry", {{"a", says(R"({"n":"x"})")}}, [](JsonFlow& flow) {
    step(flow, "b").when = expression("steps.a.n > 0");
    step(flow, "b").on_error = OnError::step;
    step(flow, "b").handler = flow.graph.find("sorry").value();
    step(flow, "sorry").input = value(R"({"code":"${error.code}"})");
  });
  ask("{}");
  EXPECT_THAT(ran(), ElementsAre("a", "sorry"));
  EXPECT_EQ(json::serialize(asked("sorry")), R"({"code":"invalid_argument"})");
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
    step(flow, "b").on_error = OnError::step;
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
  EXPECT_THAT(reply.undecided, ElementsAre("route"));
  const base::Error error = std::move(reply).take_answer().error();
  EXPECT_EQ(error.code, ErrorCode::invalid_argument);
  EXPECT_EQ(error.message,
            "no condition of the switch 'route' holds for this request, so no step answered");
}

TEST_F(ShapedStepsTest, MapsOverAListAFewAtATime) {
  shaped("a>each", {{"a", says(R"({"docs":["x","y","z"]})")}}, [](JsonFlow& flow) {
    step(flow, "each").map =
        MapPolicy{.over = expression("steps.a.docs"), .as = "doc", .concurrency = 2};
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
    step(flow, "each").map = MapPolicy{.over = expression("request")};
    step(flow, "each").output =
        value(R"({"of":"${item}","at":"${index}","said":"${output.each}"})");
  });
  auto reply = ask("[7]");
  EXPECT_EQ(text(reply.find("each")->output), R"([{"of":7,"at":0,"said":7}])");
}

TEST_F(ShapedStepsTest, AMapCostsWhatItsAnswersCost) {
  shaped("each", {{"each", says(R"({"usage":{"prompt_tokens":5,"completion_tokens":2}})")}},
         [](JsonFlow& flow) {
           step(flow, "each").generates = true;
           step(flow, "each").map = MapPolicy{.over = expression("request")};
           step(flow, "each").output = value("\"${item}\"");
         });
  EXPECT_EQ(text(ask("[1,2,3]").find("each")->output), "[1,2,3]");
  EXPECT_EQ(tokens_, (std::vector<std::string>{"each 15+6"}));
}

TEST_F(ShapedStepsTest, TheFirstElementThatFailsStopsTheOthers) {
  shaped("each",
         {{"each",
           [](const json::value& body, bool) -> base::Result<Reply> {
             if (body.as_int64() == 2) return base::fail(ErrorCode::unavailable, "down");
             return JsonReply{.body = body};
           }}},
         [](JsonFlow& flow) { step(flow, "each").map = MapPolicy{.over = expression("request")}; });
  const base::Error error = error_of({.inputs = of("[1,2,3]"), .parameters = {}, .stream = false});
  EXPECT_EQ(error.message, "step 'each': element 1: down");
}

TEST_F(ShapedStepsTest, AMapNeedsAListOfABoundedLength) {
  const auto shape = [](JsonFlow& flow) {
    step(flow, "each").map = MapPolicy{.over = expression("request")};
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
         [](JsonFlow& flow) { step(flow, "b").on_error = OnError::skip; });
  ask("{}");
  EXPECT_EQ(json::serialize(asked("c")), R"({"x":1})");
  EXPECT_THAT(reports_, ElementsAre("a", "b failed", "c"));
}

TEST_F(ShapedStepsTest, AFailureMayBeHandledByAStepOfItsOwn) {
  const auto shape = [](JsonFlow& flow) {
    step(flow, "b").on_error = OnError::step;
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
    step(flow, "b").on_error = OnError::step;
    step(flow, "b").handler = flow.graph.find("sorry").value();
  });
  ask("{}");
  EXPECT_THAT(ran(), ElementsAre("b", "c", "end"));
}

TEST_F(ShapedStepsTest, OneWhoLeavesIsNoFailureToHandle) {
  shaped("a>b", {}, [](JsonFlow& flow) { step(flow, "a").on_error = OnError::skip; });
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
    step(flow, "c").merge = Merge::list;
    step(flow, "d").merge = Merge::first;
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

}  // namespace
}  // namespace opaline::flow
