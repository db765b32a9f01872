#include "services/remote/child_process.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "base/event.hpp"
#include "base/log.hpp"
#include "base/task_group.hpp"
#include "base/utf8.hpp"
#include "http/client.hpp"
#include "services/remote/spawn.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;
using Clock = std::chrono::steady_clock;
using Phase = ChildState::Phase;
using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr auto kProbeTime = 1s;
constexpr auto kProbePause = 50ms;
constexpr auto kReapPause = 20ms;
constexpr std::size_t kLastLineBytes = 300;

/// Passes on what a child writes and remembers its last line.
class OutputRelay {
 public:
  void take(std::string_view bytes) {
    write_out(bytes);
    for (const char c : bytes) {
      if (c == '\n') {
        if (!line_.empty()) last_ = std::exchange(line_, {});
      } else if (line_.size() < kLastLineBytes) {
        line_ += c;
      }
    }
  }
  [[nodiscard]] std::string last_line() const {
    return base::to_utf8(line_.empty() ? last_ : line_);
  }

 private:
  static void write_out(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = write(STDERR_FILENO, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0)
        return;  // Nobody reads our stderr: the line is lost, as any log line would be.
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  std::string line_;
  std::string last_;
};

}  // namespace

/// The thread of a ChildProcess and what it knows. All but the guarded members belong to that
/// thread.
class ChildProcess::Supervisor {
 public:
  explicit Supervisor(ChildSettings settings)
      : settings_(std::move(settings)),
        policy_(settings_.restart),
        endpoint_(socket_endpoint(settings_.socket)) {}

  base::Result<void> launch() {
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& error) {
      return base::fail(ErrorCode::internal, "no thread to supervise the " + settings_.name,
                        error.what());
    }
    return {};
  }

  void stop() {
    const std::lock_guard lock(stop_mutex_);
    if (!thread_.joinable()) return;
    asio::post(loop_, [this] { stopping_->request(); });
    thread_.join();
  }

  [[nodiscard]] const ChildSettings& settings() const { return settings_; }

  [[nodiscard]] ChildState state() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }

  std::uint64_t subscribe(std::function<void()> changed) {
    const std::lock_guard lock(subscribers_mutex_);
    subscribers_.emplace(++last_subscriber_, std::move(changed));
    return last_subscriber_;
  }

  void unsubscribe(std::uint64_t id) {
    const std::lock_guard lock(subscribers_mutex_);
    subscribers_.erase(id);
  }

 private:
  static http::Endpoint socket_endpoint(const std::string& path) {
    http::Endpoint endpoint;
    endpoint.scheme = http::Endpoint::Scheme::unix_socket;
    endpoint.host = path;
    endpoint.port = 0;
    return endpoint;
  }

  void run() {
    asio::co_spawn(loop_, supervise(), asio::detached);
    loop_.run();
  }

  base::Task<> supervise() {
    for (bool first = true; !stopping_->requested(); first = false) {
      if (!first) count_restart();
      const Clock::time_point started = Clock::now();
      const std::string why = co_await run_once();
      if (stopping_->requested()) break;
      const auto delay = policy_.ended(Clock::now() - started);
      note_failure(why);
      co_await base::sleep_for(delay, stopping_);
    }
    change([](ChildState& state) {
      state.phase = Phase::stopped;
      state.reason = "it was stopped";
    });
  }

  /// One life of the child. @return why it ended.
  base::Task<std::string> run_once() {
    base::Result<Spawned> spawned = spawn(settings_.argv);
    if (!spawned) co_return spawned.error().message;
    const pid_t pid = spawned->pid;
    change([&](ChildState& state) { state.pid = pid; });
    base::log(base::LogLevel::info, "child_started", {{"child", settings_.name}, {"pid", pid}});

    asio::posix::stream_descriptor output(loop_, spawned->output);
    OutputRelay relay;
    const auto life = base::Cancellation::create();
    base::TaskGroup group(loop_.get_executor());
    group.spawn(relay_output(output, relay));
    group.spawn(watch_start(pid, life));
    group.spawn(end_on_stop(pid, life));

    const int status = co_await wait_for(pid);
    life->request();
    output.cancel();
    co_await group.close();
    change([](ChildState& state) { state.pid = 0; });
    base::log(base::LogLevel::info, "child_ended",
              {{"child", settings_.name}, {"pid", pid}, {"how", describe_end(status)}});
    std::string why = start_took_too_long_ ? "it was not ready in time" : describe_end(status);
    start_took_too_long_ = false;
    if (const std::string line = relay.last_line(); !line.empty()) why += ": " + line;
    co_return why;
  }

  base::Task<> relay_output(asio::posix::stream_descriptor& output, OutputRelay& relay) {
    std::array<char, 4096> buffer{};
    for (;;) {
      const auto [error, size] = co_await output.async_read_some(asio::buffer(buffer), kTuple);
      if (error) break;
      relay.take({buffer.data(), size});
    }
    // What was written just before the end.
    for (ssize_t size = 0;
         (size = read(output.native_handle(), buffer.data(), buffer.size())) > 0;) {
      relay.take({buffer.data(), static_cast<std::size_t>(size)});
    }
  }

  /// Asks until the child is ready, and ends a child that takes too long.
  base::Task<> watch_start(pid_t pid, std::shared_ptr<base::Cancellation> life) {
    const Clock::time_point latest = Clock::now() + settings_.start_time;
    while (!life->requested()) {
      if (co_await answers(life)) {
        if (!life->requested()) become_ready();
        co_return;
      }
      if (Clock::now() >= latest) {
        start_took_too_long_ = true;
        kill(-pid, SIGKILL);
        co_return;
      }
      co_await base::sleep_for(kProbePause, life);
    }
  }

  base::Task<bool> answers(std::shared_ptr<base::Cancellation> life) {
    base::Context context;
    context.trace = base::TraceContext::start();
    context.cancellation = std::move(life);
    context.deadline = Clock::now() + kProbeTime;
    http::ClientRequest request;
    request.method = "GET";
    request.path = settings_.ready_path;
    request.idempotent = true;
    const auto reply = co_await client_.send(endpoint_, std::move(request), std::move(context));
    co_return reply && reply->status == 200;
  }

  /// Waits for stop(), then asks the child to end, and makes it.
  base::Task<> end_on_stop(pid_t pid, std::shared_ptr<base::Cancellation> life) {
    // Whichever comes first, the child's end or stop(), cancels the wait.
    const auto either = base::Cancellation::create();
    const auto ended = life->on_request([either] { either->request(); });
    const auto asked = stopping_->on_request([either] { either->request(); });
    if (!either->requested()) co_await base::sleep_for(std::chrono::hours(24 * 365), either);
    if (life->requested()) co_return;
    kill(-pid, SIGTERM);
    co_await base::sleep_for(settings_.grace, life);
    if (!life->requested()) kill(-pid, SIGKILL);
  }

  /// Waits for the child's end, ends what is left of its group, and reaps it. @return its wait
  /// status.
  base::Task<int> wait_for(pid_t pid) {
    // glibc 2.36 declares pidfd_open for C only.
    const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (handle >= 0) {
      asio::posix::stream_descriptor watch(loop_, handle);
      co_await watch.async_wait(asio::posix::descriptor_base::wait_read, kTuple);
    }
    // Without a pidfd (an old kernel, a strict sandbox) the child is asked for now and then.
    while (!ended(pid)) co_await base::sleep_for(kReapPause, nullptr);
    // Before it is reaped: until then nobody else can get its number.
    kill(-pid, SIGKILL);
    int status = 0;
    waitpid(pid, &status, 0);
    co_return status;
  }

  static bool ended(pid_t pid) {
    siginfo_t found{};
    return waitid(P_PID, static_cast<id_t>(pid), &found, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           found.si_pid != 0;
  }

  void become_ready() {
    change([](ChildState& state) {
      state.phase = Phase::ready;
      state.reason.clear();
    });
  }

  void count_restart() {
    change([&](ChildState& state) {
      ++state.restarts;
      if (state.phase != Phase::failed) state.phase = Phase::starting;
    });
  }

  void note_failure(const std::string& why) {
    base::log(base::LogLevel::warning, "child_failed",
              {{"child", settings_.name}, {"why", why}, {"failures", policy_.failures()}});
    change([&](ChildState& state) {
      state.phase = policy_.hopeless() ? Phase::failed : Phase::starting;
      state.reason = why;
      if (policy_.hopeless()) {
        state.reason =
            "ended " + std::to_string(policy_.failures()) + " times in a row, last with " + why;
      }
    });
  }

  template <class Change>
  void change(Change apply) {
    {
      const std::lock_guard lock(mutex_);
      apply(state_);
    }
    const std::lock_guard lock(subscribers_mutex_);
    for (const auto& [id, changed] : subscribers_) changed();
  }

  ChildSettings settings_;
  RestartPolicy policy_;
  http::Endpoint endpoint_;
  base::EventLoop loop_{1};
  http::Client client_;
  std::shared_ptr<base::Cancellation> stopping_ = base::Cancellation::create();
  bool start_took_too_long_ = false;

  mutable std::mutex mutex_;
  ChildState state_;                                            // Guarded by mutex_.
  std::mutex subscribers_mutex_;                                // Taken after no other.
  std::map<std::uint64_t, std::function<void()>> subscribers_;  // Guarded by subscribers_mutex_.
  std::uint64_t last_subscriber_ = 0;                           // Guarded by subscribers_mutex_.

  std::mutex stop_mutex_;
  std::thread thread_;  // Guarded by stop_mutex_.
};

ChildProcess::ChildProcess(std::unique_ptr<Supervisor> supervisor)
    : supervisor_(std::move(supervisor)) {}

ChildProcess::~ChildProcess() { stop(); }

base::Result<std::unique_ptr<ChildProcess>> ChildProcess::start(ChildSettings settings) {
  if (settings.argv.empty() || settings.socket.empty()) {
    return base::fail(ErrorCode::invalid_argument, "a child process needs a program and a socket");
  }
  auto supervisor = std::make_unique<Supervisor>(std::move(settings));
  OPALINE_TRY_DO(supervisor->launch());
  return std::unique_ptr<ChildProcess>(new ChildProcess(std::move(supervisor)));
}

void ChildProcess::stop() { supervisor_->stop(); }
ChildState ChildProcess::state() const { return supervisor_->state(); }
const ChildSettings& ChildProcess::settings() const { return supervisor_->settings(); }

ChildProcess::Subscription ChildProcess::on_change(std::function<void()> changed) {
  const std::uint64_t id = supervisor_->subscribe(std::move(changed));
  return Subscription([supervisor = supervisor_.get(), id] { supervisor->unsubscribe(id); });
}

void ChildProcess::follow_parent() {
  const char* text = std::getenv(kParentVariable);
  if (text == nullptr) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have ended before we could ask.
  if (std::to_string(getppid()) != text) _exit(EXIT_FAILURE);
}

}  // namespace opaline::services
