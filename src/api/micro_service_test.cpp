#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <opaline/opaline.hpp>
#include <thread>

#include "base/task.hpp"
#include "http/client.hpp"

namespace opaline {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

Json shout(Json inputs) {
  const auto* text = inputs.is_object() ? inputs.get_object().if_contains("text") : nullptr;
  if (text == nullptr) throw Error(ErrorCode::invalid_argument, "say a text");
  std::string loud(text->as_string());
  for (char& c : loud) c = static_cast<char>(std::toupper(c));
  return {{"text", loud}};
}

Generator<std::string> count(int last, std::shared_ptr<int> gone) {
  const std::shared_ptr<void> end(nullptr, [gone](void*) { ++*gone; });
  for (int i = 1; i <= last; ++i) {
    co_yield event(std::to_string(i));
    co_await sleep_for(1ms);
  }
}

/// What throws, with its code's name before its message.
template <class F>
std::string error_of(F call) {
  try {
    call();
  } catch (const Error& error) {
    return std::string(name(error.code())) + ": " + error.what();
  }
  return "nothing was thrown";
}

class MicroServices : public testing::Test {
 protected:
  MicroServices() { set_log_level(LogLevel::warning); }

  /// The service as others see it: over a socket.
  static MicroService seen(const Server& server, std::string endpoint) {
    return MicroService::remote(
        {.name = "seen", .port = server.port(), .endpoint = std::move(endpoint)});
  }
  static std::string get(const Server& server, std::string path) {
    base::EventLoop loop(1);
    http::Client client;
    std::string body;
    const auto ask = [](http::Client* with, std::string url, std::string at,
                        std::string* to) -> base::Task<> {
      const auto reply = co_await with->send(http::Endpoint::parse(url).value(),
                                             {.method = "GET", .path = std::move(at)}, {});
      *to = std::to_string(reply->status) + " " + reply->body;
    };
    boost::asio::co_spawn(loop, ask(&client, server.url(), std::move(path), &body),
                          [&loop](const std::exception_ptr&) { loop.stop(); });
    loop.run();
    return body;
  }
};

TEST_F(MicroServices, AFunctionAnswersInThisProcess) {
  const auto service = MicroService::local({.name = "shout"}, shout);
  EXPECT_EQ(service.call({{"text", "hi"}}).json(), Json({{"text", "HI"}}));
  EXPECT_EQ(service.name(), "shout");
  EXPECT_FALSE(service.is_remote());
}

TEST_F(MicroServices, AFunctionAnswersOverHttp) {
  const Server server =
      MicroService::local({.name = "shout", .port = 0, .endpoint = "/v1/shout"}, shout).start();
  const auto service = seen(server, "/v1/shout");
  EXPECT_TRUE(service.is_remote());
  EXPECT_EQ(service.call({{"text", "hi"}}).json(), Json({{"text", "HI"}}));
  EXPECT_EQ(service.endpoint_path(),
            "http://localhost:" + std::to_string(server.port()) + "/v1/shout");
  EXPECT_THAT(error_of([&] { (void)service.call({{"other", 1}}); }), HasSubstr("invalid_argument"));
}

TEST_F(MicroServices, AServerTellsHowItIs) {
  const Server server =
      MicroService::local(
          {.name = "shout", .port = 0, .endpoint = "/v1/shout", .description = "Says it loud"},
          shout)
          .start();
  (void)seen(server, "/v1/shout").call({{"text", "hi"}});
  EXPECT_THAT(get(server, "/v1/health_check"),
              testing::AllOf(HasSubstr("200 "), HasSubstr(R"("Service Title":"shout")"),
                             HasSubstr("Says it loud"), HasSubstr(version)));
  EXPECT_THAT(get(server, "/health"), testing::StartsWith("200"));
  EXPECT_THAT(get(server, "/readyz"), HasSubstr(R"("name":"shout","state":"ready")"));
  EXPECT_THAT(get(server, "/v1/statistics"), HasSubstr("/v1/shout"));
  EXPECT_THAT(get(server, "/metrics"), HasSubstr("rag_queries_total{route=\"/v1/shout\""));
  EXPECT_THAT(get(server, "/openapi.json"), HasSubstr("/v1/shout"));
}

TEST_F(MicroServices, AGeneratorStreams) {
  auto gone = std::make_shared<int>(0);
  const auto service = MicroService::local(
      {.name = "count", .port = 0, .endpoint = "/v1/count"},
      [gone](Json inputs, Call /*call*/) { return count(inputs.at("to").to_number<int>(), gone); });
  const Server server = service.start();
  for (const MicroService& one : {service, seen(server, "/v1/count")}) {
    Reply reply = one.call({{"to", 3}, {"stream", true}}, {.stream = true});
    ASSERT_TRUE(reply.is_stream());
    EXPECT_EQ(reply.stream().content_type(), "text/event-stream");
    std::string all;
    for (const std::string& piece : reply.stream()) all += piece;
    EXPECT_EQ(all, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
  }
  EXPECT_EQ(*gone, 2);
}

TEST_F(MicroServices, AStreamThatIsLeftIsDestroyed) {
  auto gone = std::make_shared<int>(0);
  {
    const auto service = MicroService::local({.name = "count"},
                                             [gone](Json, Call) { return count(1'000'000, gone); });
    Reply reply = service.call({}, {.stream = true});
    EXPECT_EQ(reply.stream().read(), "data: 1\n\n");
    EXPECT_EQ(*gone, 0);
  }
  EXPECT_EQ(*gone, 1);
}

TEST_F(MicroServices, AClassKeepsWhatItNeeds) {
  class Counter final : public Service {
   public:
    Task<Reply> call(Json /*inputs*/, Call /*call*/) override {
      co_await sleep_for(1ms);
      co_return Json{{"calls", ++calls_}};
    }
    Health health() const override { return {.state = Health::State::starting, .reason = "later"}; }

   private:
    int calls_ = 0;
  };
  const auto service =
      MicroService::local({.name = "counter", .port = 0}, std::make_unique<Counter>());
  (void)service.call({});
  EXPECT_EQ(service.call({}).json(), Json({{"calls", 2}}));
  EXPECT_THAT(get(service.start(), "/readyz"), HasSubstr("counter: later"));
}

TEST_F(MicroServices, ACoroutineMayAskOthers) {
  const auto loud = MicroService::local({.name = "shout"}, shout);
  const auto twice = MicroService::local({.name = "twice"}, [loud](Json inputs, Call call) {
    const auto ask = [](MicroService other, Json body, Call about) -> Task<Json> {
      Reply reply = co_await other.async_call(std::move(body));
      co_return Json{{"said", reply.json().at("text")},
                     {"id", about.request_id().size()},
                     {"in_time", about.remaining() > 0ns && about.remaining() <= 5s}};
    };
    return ask(loud, std::move(inputs), std::move(call));
  });
  EXPECT_EQ(twice.call({{"text", "hi"}}, {.timeout = 5s}).json(),
            Json({{"said", "HI"}, {"id", 32}, {"in_time", true}}));
}

TEST_F(MicroServices, BytesComeAsTheyAre) {
  const auto service = MicroService::local(
      {.name = "tts", .port = 0, .endpoint = "/v1/tts"},
      [](Json) { return Reply(Bytes{.content_type = "audio/wav", .bytes = "RIFF"}); });
  const Server server = service.start();
  Reply reply = seen(server, "/v1/tts").call({});
  EXPECT_EQ(reply.bytes().content_type, "audio/wav");
  EXPECT_EQ(reply.bytes().bytes, "RIFF");
  EXPECT_EQ(error_of([&] { (void)reply.json(); }),
            "failed_precondition: the answer is bytes, not JSON");
}

TEST_F(MicroServices, TimeIsKept) {
  const auto slow = MicroService::local({.name = "slow"}, [](Json) -> Task<Json> {
    co_await sleep_for(1h);
    co_return Json();
  });
  EXPECT_EQ(error_of([&] { (void)slow.call({}, {.timeout = 20ms}); }),
            "deadline_exceeded: the time for this request is over");
}

TEST_F(MicroServices, AStopTokenEndsACall) {
  std::stop_source stop;
  const auto slow = MicroService::local({.name = "slow"}, [&stop](Json) {
    const auto wait = [](std::stop_source* source) -> Task<Json> {
      source->request_stop();
      co_await sleep_for(1h);
      co_return Json();
    };
    return wait(&stop);
  });
  EXPECT_THAT(error_of([&] { (void)slow.call({}, {.stop = stop.get_token()}); }),
              HasSubstr("cancelled"));
}

TEST_F(MicroServices, WhatThrowsIsToldWithoutItsText) {
  set_log_level(LogLevel::error);
  const auto broken = MicroService::local({.name = "broken"},
                                          [](Json) -> Json { throw std::runtime_error("secret"); });
  EXPECT_EQ(error_of([&] { (void)broken.call({}); }), "internal: something went wrong in it");
}

TEST_F(MicroServices, WorkMayLeaveTheThread) {
  const auto service = MicroService::local({.name = "worker"}, [](Json) -> Task<Json> {
    const auto mine = std::this_thread::get_id();
    const auto theirs = co_await on_worker([] { return std::this_thread::get_id(); });
    co_await on_worker([] {});
    std::string told;
    try {
      co_await on_worker([]() -> int { throw Error(ErrorCode::not_found, "no such file"); });
    } catch (const Error& error) {
      told = error.what();
    }
    co_return Json{{"elsewhere", mine != theirs},
                   {"back", mine == std::this_thread::get_id()},
                   {"told", told}};
  });
  EXPECT_EQ(service.call({}).json(),
            Json({{"elsewhere", true}, {"back", true}, {"told", "no such file"}}));
}

TEST_F(MicroServices, RefuseWhatCannotBe) {
  EXPECT_THAT(error_of([] { (void)MicroService::remote({.name = "a", .endpoint = "v1"}); }),
              HasSubstr("invalid_argument: the microservice 'a' needs an endpoint like"));
  EXPECT_THAT(error_of([] { (void)MicroService::remote({.name = "a", .host = "no host"}); }),
              HasSubstr("invalid_argument"));
  EXPECT_THAT(error_of([] { (void)MicroService::remote({.name = "a", .api_key = "sk-123"}); }),
              HasSubstr("invalid_argument"));
  EXPECT_THAT(
      error_of([] { (void)MicroService::local({.name = "a"}, std::unique_ptr<Service>()); }),
      HasSubstr("invalid_argument"));
  EXPECT_THAT(error_of([] { (void)MicroService::remote({.name = "a"}).start(); }),
              HasSubstr("invalid_argument: the microservice 'a' is remote"));
  const auto elsewhere = MicroService::local({.name = "a", .host = "example.org"}, shout);
  EXPECT_THAT(error_of([&] { (void)elsewhere.start(); }), HasSubstr("no address to listen on"));
}

TEST_F(MicroServices, SayWhichPortIsTaken) {
  const Server first = MicroService::local({.name = "a", .port = 0}, shout).start();
  EXPECT_THAT(
      error_of(
          [&] { (void)MicroService::local({.name = "b", .port = first.port()}, shout).start(); }),
      testing::AllOf(HasSubstr("failed_precondition"), HasSubstr(std::to_string(first.port()))));
}

TEST_F(MicroServices, SayWhoDoesNotAnswer) {
  std::uint16_t port = 0;
  {
    const Server gone = MicroService::local({.name = "a", .port = 0}, shout).start();
    port = gone.port();
  }
  EXPECT_THAT(
      error_of([&] { (void)MicroService::remote({.name = "lost", .port = port}).call({}); }),
      testing::AllOf(HasSubstr("unavailable"), HasSubstr(std::to_string(port))));
}

TEST_F(MicroServices, ABlockingCallInsideItsOwnCoroutineIsRefused) {
  std::optional<MicroService> self;
  self = MicroService::local({.name = "self"}, [&self](Json) { return self->call({}).json(); });
  EXPECT_THAT(error_of([&] { (void)self->call({}); }),
              HasSubstr("failed_precondition: a blocking call inside a coroutine"));
}

TEST_F(MicroServices, RunIsForMain) {
  const auto loud = MicroService::local({.name = "shout"}, shout);
  const auto ask = [](MicroService service) -> Task<std::string> {
    Reply reply = co_await service.async_call({{"text", "hi"}});
    co_return std::string(reply.json().at("text").as_string());
  };
  EXPECT_EQ(run(ask(loud)), "HI");
}

}  // namespace
}  // namespace opaline
