#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <mutex>
#include <opaline/opaline.hpp>
#include <thread>

namespace opaline {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

MicroService echo(std::string name, ServiceType type = ServiceType::undefined) {
  return MicroService::local({.name = name, .type = type}, [name](Json inputs) {
    return Json(JsonObject{{name, std::move(inputs)}});
  });
}

MicroService language_model() {
  return MicroService::local({.name = "llm", .type = ServiceType::llm},
                             [](Json inputs, Call call) -> Reply {
                               if (!call.stream()) return Json{{"asked", std::move(inputs)}};
                               const auto words = []() -> Generator<std::string> {
                                 co_yield event("One ");
                                 co_yield event("two.");
                                 co_yield done_event();
                               };
                               return words();
                             });
}

template <class F>
std::string error_of(F call) {
  try {
    call();
  } catch (const Error& error) {
    return std::string(name(error.code())) + ": " + error.what();
  }
  return "nothing was thrown";
}

class Orchestrators : public testing::Test {
 protected:
  Orchestrators() { set_log_level(LogLevel::warning); }
  ServiceOrchestrator flow_;
};

TEST_F(Orchestrators, RunAChain) {
  const auto a = echo("a");
  const auto b = echo("b");
  flow_.add(a).add(b).flow_to(a, b);
  FlowReply reply = flow_.schedule({{"text", "hi"}});
  EXPECT_EQ(boost::json::serialize(reply.json()), R"({"b":{"a":{"text":"hi"}}})");
  EXPECT_EQ(boost::json::serialize(reply.of("a").json()), R"({"a":{"text":"hi"}})");
  EXPECT_THAT(reply.last_steps(), ElementsAre("b"));
  EXPECT_EQ(reply.steps().size(), 2U);
  EXPECT_EQ(error_of([&] { (void)reply.of("c"); }), "not_found: no step 'c' was run");
}

TEST_F(Orchestrators, JoinWhatSeveralLastStepsSay) {
  const auto a = echo("a");
  const auto b = echo("b");
  const auto c = echo("c");
  flow_.add(a).add(b).add(c).flow_to(a, b).flow_to(a, c);
  EXPECT_EQ(boost::json::serialize(flow_.schedule(1).json()),
            R"({"b":{"b":{"a":1}},"c":{"c":{"a":1}}})");
}

TEST_F(Orchestrators, TellGeneratingStepsTheParameters) {
  flow_.add(language_model());
  EXPECT_EQ(
      boost::json::serialize(
          flow_
              .schedule({{"text", "hi"}},
                        {.max_tokens = 17, .temperature = 0.5, .others = {{"seed", 3}}})
              .json()),
      R"({"asked":{"text":"hi","seed":3,"max_tokens":17,"temperature":5E-1,"stream":false}})");
}

TEST_F(Orchestrators, StreamTheLastStep) {
  flow_.add(language_model());
  FlowReply reply = flow_.schedule({{"text", "hi"}}, {.stream = true});
  std::string all;
  for (const std::string& piece : reply.stream()) all += piece;
  EXPECT_EQ(all, "data: One \n\ndata: two.\n\ndata: [DONE]\n\n");
}

TEST_F(Orchestrators, AStreamOutlivesItsFlow) {
  auto flow = std::make_unique<ServiceOrchestrator>();
  flow->add(language_model());
  FlowReply reply = flow->schedule({{"text", "hi"}}, {.stream = true});
  flow.reset();
  EXPECT_EQ(reply.stream().read(), "data: One \n\n");
}

TEST_F(Orchestrators, HooksChangeWhatPasses) {
  const auto a = echo("a");
  const auto b = echo("b", ServiceType::rerank);
  flow_.add(a).add(b).flow_to(a, b);
  flow_.align_inputs([](Json inputs, const StepSite& site) -> Json {
    if (site.type() != ServiceType::rerank) return inputs;
    return {{"to", site.name()}, {"inputs", std::move(inputs)}};
  });
  flow_.align_outputs([](Json output, const Json& inputs, const StepSite& site) -> Task<Json> {
    const std::string name = site.name();
    co_await sleep_for(1ms);
    co_return Json{{"from", name}, {"sent", inputs.is_object()}, {"output", std::move(output)}};
  });
  FlowReply reply = flow_.schedule("q");
  EXPECT_EQ(boost::json::serialize(reply.of("a").json()),
            R"({"from":"a","sent":false,"output":{"a":"q"}})");
  EXPECT_EQ(boost::json::serialize(reply.json().at("output").at("b").at("to")), R"("b")");
}

TEST_F(Orchestrators, HooksMayMakeJsonOfBytes) {
  const auto tts = MicroService::local({.name = "tts"}, [](Json) {
    return Reply(Bytes{.content_type = "audio/wav", .bytes = "RIFF"});
  });
  flow_.add(tts);
  flow_.align_outputs([](Json, const Json&, StepSite&) { return Json("never"); });
  EXPECT_EQ(flow_.schedule({}).answer().bytes().bytes, "RIFF");
  flow_.align_outputs(
      [](Reply output, const Json&, StepSite&) { return Json(output.bytes().bytes + "!"); });
  EXPECT_EQ(flow_.schedule({}).json(), Json("RIFF!"));
}

TEST_F(Orchestrators, HooksChangeTheRestOfARun) {
  const auto a = echo("a");
  const auto b = echo("b");
  const auto c = echo("c");
  flow_.add(a).add(b).add(c).flow_to(a, b).flow_to(b, c);
  flow_.align_outputs([](Json output, const Json&, StepSite& site) {
    if (site.name() == "a") {
      EXPECT_THAT(site.next(), ElementsAre("b"));
      site.remove("b");
      site.connect("c");
      EXPECT_THROW(site.connect("d"), Error);
    }
    return output;
  });
  EXPECT_EQ(boost::json::serialize(flow_.schedule(1).json()), R"({"c":{"a":1}})");
  EXPECT_EQ(boost::json::serialize(flow_.schedule(2).json()), R"({"c":{"a":2}})");
}

TEST_F(Orchestrators, HooksMayCutAWay) {
  const auto a = echo("a");
  const auto b = echo("b");
  const auto c = echo("c");
  flow_.add(a).add(b).add(c).flow_to(a, b).flow_to(a, c);
  flow_.align_outputs([](Json output, const Json&, StepSite& site) {
    if (site.name() == "a") site.disconnect("b");
    return output;
  });
  FlowReply reply = flow_.schedule(1);
  EXPECT_THAT(reply.last_steps(), ElementsAre("c"));
  EXPECT_EQ(reply.steps().size(), 2U);
}

TEST_F(Orchestrators, AGeneratorHookChangesAStream) {
  flow_.add(language_model());
  flow_.align_generator([](Stream stream, std::string step) -> Generator<std::string> {
    co_yield event(step);
    while (auto piece = co_await stream.next()) {
      if (piece->contains("two")) throw Error(ErrorCode::permission_denied, "no numbers");
      co_yield *std::move(piece);
    }
  });
  FlowReply reply = flow_.schedule({{"text", "hi"}}, {.stream = true});
  EXPECT_EQ(reply.stream().content_type(), "text/event-stream");
  EXPECT_EQ(reply.stream().read(), "data: llm\n\n");
  EXPECT_EQ(reply.stream().read(), "data: One \n\n");
  EXPECT_EQ(error_of([&] { (void)reply.stream().read(); }),
            "permission_denied: step 'llm': no numbers");
}

TEST_F(Orchestrators, WhatAHookThrowsEndsTheRun) {
  flow_.add(echo("a")).align_inputs(
      [](Json, StepSite&) -> Json { throw Error(ErrorCode::permission_denied, "not you"); });
  EXPECT_EQ(error_of([&] { (void)flow_.schedule({}); }), "permission_denied: step 'a': not you");
}

TEST_F(Orchestrators, TheFirstErrorNamesItsStep) {
  flow_.add(MicroService::local(
      {.name = "a"}, [](Json) -> Json { throw Error(ErrorCode::resource_exhausted, "too much"); }));
  EXPECT_EQ(error_of([&] { (void)flow_.schedule({}); }), "resource_exhausted: step 'a': too much");
}

TEST_F(Orchestrators, RefuseWhatIsNoFlow) {
  const auto a = echo("a");
  const auto b = echo("b");
  EXPECT_THAT(error_of([&] { (void)flow_.schedule({}); }), HasSubstr("failed_precondition"));
  EXPECT_THAT(error_of([&] { (void)flow_.start({.port = 0}); }), HasSubstr("failed_precondition"));
  EXPECT_THAT(error_of([&] { flow_.add(echo("")); }), HasSubstr("invalid_argument"));
  flow_.add(a);
  EXPECT_THAT(error_of([&] { flow_.add(echo("a")); }), HasSubstr("already_exists"));
  EXPECT_THAT(error_of([&] { flow_.flow_to(a, b); }),
              HasSubstr("not_found: the flow has no step 'b'"));
  flow_.add(b).flow_to(a, b);
  EXPECT_THAT(error_of([&] { flow_.flow_to(b, a); }), HasSubstr("invalid_argument: "));
  EXPECT_THAT(error_of([&] { flow_.flow_to(b, a); }), HasSubstr("b >> a >> b"));
  EXPECT_THAT(error_of([&] { (void)flow_.start({.port = 0, .endpoint = "x"}); }),
              HasSubstr("invalid_argument"));
}

TEST_F(Orchestrators, ServeTheFlowWithItsHooks) {
  const auto llm = language_model();
  flow_.add(llm).align_inputs([](Json inputs, StepSite&) {
    inputs.as_object()["hooked"] = true;
    return inputs;
  });
  const Server server = flow_.start({.port = 0, .endpoint = "/v1/chatqna"});
  const auto chatqna =
      MicroService::remote({.name = "chatqna", .port = server.port(), .endpoint = "/v1/chatqna"});
  EXPECT_EQ(boost::json::serialize(
                chatqna.call({{"text", "hi"}, {"max_tokens", 5}}).json().at("asked").at("hooked")),
            "true");
  Reply streamed = chatqna.call({{"text", "hi"}, {"stream", true}}, {.stream = true});
  std::string all;
  for (const std::string& piece : streamed.stream()) all += piece;
  EXPECT_EQ(all, "data: One \n\ndata: two.\n\ndata: [DONE]\n\n");
}

TEST_F(Orchestrators, AFlowIsAStepOfACoroutine) {
  flow_.add(echo("a"));
  const auto ask = [](ServiceOrchestrator flow) -> Task<Json> {
    FlowReply reply = co_await flow.async_schedule(7);
    co_return std::move(reply.json());
  };
  EXPECT_EQ(boost::json::serialize(run(ask(flow_))), R"({"a":7})");
}

TEST_F(Orchestrators, ManyThreadsMaySchedule) {
  flow_.add(echo("a"));
  std::latch ready(4);
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      ready.arrive_and_wait();
      for (int n = 0; n < 50; ++n) {
        const int asked = i * 100 + n;
        if (flow_.schedule(asked).json().at("a").to_number<int>() == asked) ++right;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(right, 200);
}

TEST_F(Orchestrators, AStepThatStreamsUnaskedIsTakenWhole) {
  flow_.add(MicroService::local({.name = "words"}, [](Json) -> Generator<std::string> {
    co_yield event("One");
    co_yield event("two");
  }));
  EXPECT_EQ(flow_.schedule({}).answer().bytes().bytes, "data: One\n\ndata: two\n\n");
}

}  // namespace
}  // namespace opaline
