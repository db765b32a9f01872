#include "services/remote/child_process.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>

#include "services/remote/child_service.hpp"
#include "services/remote/scripted_server.hpp"

namespace opaline::services {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using contract::EmbeddingReply;
using contract::EmbeddingRequest;
using contract::ServiceKind;
using Phase = ChildState::Phase;

constexpr const char* kSocketVariable = "OPALINE_TEST_CHILD_SOCKET";
constexpr const char* kSlowVariable = "OPALINE_TEST_CHILD_SLOW";

/// Not a test but the child of the tests below: serves on a socket; "/crash" ends it, "unready"
/// keeps it from being ready.
TEST(ChildMain, DISABLED_Serves) {
  const char* socket = std::getenv(kSocketVariable);
  if (socket == nullptr) GTEST_SKIP();
  ChildProcess::follow_parent();
  const bool slow = std::getenv(kSlowVariable) != nullptr;
  ScriptedServer server(
      {.unix_socket = socket, .threads = 1}, [slow](const http::Request& request) {
        if (request.path == "/readyz") return http::Response::text(slow ? 503 : 200, "");
        if (request.body.find("crash") != std::string::npos) abort();
        return http::Response::json(200, R"({"data":[{"index":0,"embedding":[1,2]}]})");
      });
  for (;;) pause();
}

class Child : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::path(testing::TempDir()) / ("opaline-child-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    socket_ = (folder_ / "s").string();
    setenv(kSocketVariable, socket_.c_str(), 1);
    unsetenv(kSlowVariable);
  }
  void TearDown() override {
    process_.reset();
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] ChildSettings settings(std::vector<std::string> argv) const {
    return {.name = "embedding model",
            .argv = std::move(argv),
            .socket = socket_,
            .start_time = 20s,
            .restart = {.delay_first = 20ms, .delay_max = 100ms, .failures_max = 3}};
  }
  [[nodiscard]] ChildSettings server() const {
    return settings({std::filesystem::read_symlink("/proc/self/exe").string(),
                     "--gtest_filter=ChildMain.DISABLED_Serves", "--gtest_also_run_disabled_tests",
                     "--gtest_brief=1"});
  }
  ChildProcess& start(ChildSettings with) {
    auto process = ChildProcess::start(std::move(with));
    EXPECT_TRUE(process);
    process_ = std::move(*process);
    return *process_;
  }
  /// Waits until the state is as `wanted`, 20 s at most.
  template <class Wanted>
  ChildState until(Wanted wanted) {
    std::mutex mutex;
    std::condition_variable changed;
    const auto subscription = process_->on_change([&] {
      const std::lock_guard lock(mutex);
      changed.notify_all();
    });
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, 20s, [&] { return wanted(process_->state()); }));
    return process_->state();
  }
  ChildState until(Phase phase) {
    return until([phase](const ChildState& state) { return state.phase == phase; });
  }

  std::filesystem::path folder_;
  std::string socket_;
  std::unique_ptr<ChildProcess> process_;
};

bool alive(pid_t pid) { return kill(pid, 0) == 0; }

TEST_F(Child, BecomesReadyAndStops) {
  start(server());
  EXPECT_EQ(process_->state().phase, Phase::starting);
  const ChildState state = until(Phase::ready);
  EXPECT_GT(state.pid, 0);
  EXPECT_EQ(getpgid(state.pid), state.pid) << "a process group of its own";
  process_->stop();
  EXPECT_EQ(process_->state().phase, Phase::stopped);
  EXPECT_FALSE(alive(state.pid)) << "gone, and no zombie";
  process_->stop();
}

TEST_F(Child, IsStartedAgainAfterACrash) {
  start(server());
  const ChildState first = until(Phase::ready);
  kill(first.pid, SIGKILL);
  const ChildState second = until(
      [](const ChildState& state) { return state.phase == Phase::ready && state.restarts == 1; });
  EXPECT_NE(second.pid, first.pid);
  EXPECT_FALSE(alive(first.pid));
}

TEST_F(Child, GivesUpWithItsLastWordsAndKeepsTrying) {
  start(settings({"/bin/sh", "-c", "echo 'first line' >&2; echo 'model is broken' >&2; exit 3"}));
  const ChildState state = until(Phase::failed);
  EXPECT_EQ(state.reason, "ended 3 times in a row, last with exit status 3: model is broken");
  until([&](const ChildState& now) { return now.restarts > state.restarts + 1; });
  EXPECT_EQ(process_->state().phase, Phase::failed);
}

TEST_F(Child, AProgramThatIsNotThereIsAFailureNotAFault) {
  start(settings({"/nowhere/opaline"}));
  EXPECT_EQ(
      until(Phase::failed).reason,
      "ended 3 times in a row, last with cannot start /nowhere/opaline: No such file or directory");
}

TEST_F(Child, OneThatIsNeverReadyIsEnded) {
  setenv(kSlowVariable, "1", 1);
  ChildSettings slow = server();
  slow.start_time = 500ms;
  slow.restart.failures_max = 1;
  start(slow);
  const std::string reason = until(Phase::failed).reason;
  EXPECT_TRUE(reason.starts_with("ended 1 times in a row, last with it was not ready in time"))
      << reason;
}

TEST_F(Child, OneThatIgnoresSigtermIsKilled) {
  ChildSettings stubborn =
      settings({"/bin/sh", "-c", "trap '' TERM; echo up >&2; while :; do sleep 0.1; done"});
  stubborn.grace = 100ms;
  start(stubborn);
  const pid_t pid = until([](const ChildState& state) { return state.pid != 0; }).pid;
  process_->stop();
  EXPECT_FALSE(alive(pid));
}

TEST_F(Child, GetsNoFileOfOurs) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);  // Without close-on-exec.
  ASSERT_LT(ends[0], 10);
  ChildSettings lists = settings(
      {"/bin/sh", "-c",
       "for f in 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$f && echo leaked $f; done; exit 1"});
  lists.restart.failures_max = 1;
  start(lists);
  const std::string reason = until(Phase::failed).reason;
  EXPECT_TRUE(reason.ends_with("exit status 1")) << reason;
  close(ends[0]);
  close(ends[1]);
}

TEST_F(Child, WithoutAProgramThereIsNothingToStart) {
  EXPECT_EQ(ChildProcess::start({.name = "x", .argv = {}, .socket = "s"}).error().code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(ChildProcess::start({.name = "x", .argv = {"a"}, .socket = ""}).error().code,
            ErrorCode::invalid_argument);
}

// --- ChildService

base::Task<> call_into(base::Result<contract::Reply>& into, contract::Service& service,
                       std::string text, base::Context context) {
  EmbeddingRequest request;
  request.texts.push_back(std::move(text));
  into = co_await service.call(std::move(request), std::move(context));
}

class ServiceOfAChild : public Child {
 protected:
  contract::Service& service() {
    auto made = ChildService::create({.kind = ServiceKind::embedding, .path = "", .model = ""},
                                     *process_, client_);
    EXPECT_TRUE(made);
    service_ = std::move(*made);
    return *service_;
  }
  static base::Result<contract::Reply> call(contract::Service& service, std::string text,
                                            base::Context context = {}) {
    base::Result<contract::Reply> reply = base::fail(ErrorCode::internal, "it did not end");
    run_task(call_into(reply, service, std::move(text), std::move(context)));
    return reply;
  }

  http::Client client_;
  std::unique_ptr<ChildService> service_;
};

TEST_F(ServiceOfAChild, WaitsForItsStartAndAnswers) {
  start(server());
  const auto reply = call(service(), "hello");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(std::get<EmbeddingReply>(*reply).vectors, (std::vector<std::vector<float>>{{1, 2}}));
  EXPECT_EQ(service().health().state, contract::Health::State::ready);
}

TEST_F(ServiceOfAChild, SaysThatItIsStillLoadingWhenTimeIsUp) {
  setenv(kSlowVariable, "1", 1);
  start(server());
  base::Context context;
  context.deadline = base::Context::Clock::now() + 50ms;
  const auto reply = call(service(), "hello", context);
  EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
  EXPECT_EQ(reply.error().message, "the embedding model is still loading");
  EXPECT_EQ(service().health().state, contract::Health::State::starting);
}

TEST_F(ServiceOfAChild, SaysThatItDoesNotStart) {
  start(settings({"/bin/false"}));
  until(Phase::failed);
  const auto reply = call(service(), "hello");
  EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
  EXPECT_EQ(
      reply.error().message,
      "the embedding model does not start: it ended 3 times in a row, last with exit status 1");
  EXPECT_EQ(service().health().state, contract::Health::State::failed);
}

TEST_F(ServiceOfAChild, WhatCrashesItIsAskedOfItsSuccessorOnceOnly) {
  start(server());
  until(Phase::ready);
  EXPECT_EQ(call(service(), "crash").error().code, ErrorCode::unavailable);
  until([](const ChildState& state) { return state.phase == Phase::ready && state.restarts == 2; });
  EXPECT_TRUE(call(service(), "hello"));
}

TEST_F(ServiceOfAChild, StoppingWakesWhoWaits) {
  setenv(kSlowVariable, "1", 1);
  start(server());
  contract::Service& waiting = service();
  std::jthread stopper([this] {
    until([](const ChildState& state) { return state.pid != 0; });
    process_->stop();
  });
  const auto reply = call(waiting, "hello");
  EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace opaline::services
