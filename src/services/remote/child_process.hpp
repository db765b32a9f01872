#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.hpp"
#include "base/result.hpp"
#include "services/remote/restart_policy.hpp"

namespace opaline::services {

struct ChildSettings {
  std::string name;               ///< For people and logs: "embedding model".
  std::vector<std::string> argv;  ///< argv[0] is the program's path.
  std::string socket;             ///< The Unix socket that the child serves.
  std::string ready_path = "/readyz";
  std::chrono::steady_clock::duration start_time =
      limits::kModelStartTime;  ///< To become ready in, else it is ended.
  std::chrono::steady_clock::duration grace =
      std::chrono::seconds(5);  ///< Between SIGTERM and SIGKILL.
  RestartPolicy::Settings restart;
};

struct ChildState {
  enum class Phase { starting, ready, failed, stopped } phase = Phase::starting;
  std::string reason;          ///< Why it is not ready: for people.
  pid_t pid = 0;               ///< 0: not running now.
  std::uint64_t restarts = 0;  ///< Starts after the first.
};

/// Keeps one child process running that serves HTTP on a Unix socket.
///
///             200 from ready_path            ended, after a delay
///   starting ────────────────────► ready ──────────────────────► starting
///      │ ended `failures_max` times in a row, quickly
///      ▼
///   failed (still started again, slowly; 200 makes it ready)
///
/// The child leads a process group of its own, gets no file of ours but stderr, and is ended with
/// us (see follow_parent()). What it writes to stdout and stderr goes to our stderr; the last line
/// says why it ended. A thread of its own supervises; everything public may be called from any
/// thread.
class ChildProcess {
 public:
  /// Starts the child and returns at once. @error invalid_argument: argv or socket is empty;
  /// internal: no thread or pipe.
  [[nodiscard]] static base::Result<std::unique_ptr<ChildProcess>> start(ChildSettings settings);
  /// stop().
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// SIGTERM, `grace`, SIGKILL; returns when the child is gone and waited for. Idempotent.
  void stop();

  [[nodiscard]] ChildState state() const;
  [[nodiscard]] const ChildSettings& settings() const;

  /// Calls `changed` after each change of the phase, on the supervisor's thread; it must not block.
  /// Until the subscription dies: after that it is not called any more.
  class Subscription;
  [[nodiscard]] Subscription on_change(std::function<void()> changed);

  /// For the child's main(): asks the kernel to end this process when the parent that start()ed it
  /// ends. Does nothing in a process that no ChildProcess started.
  static void follow_parent();

 private:
  class Supervisor;
  explicit ChildProcess(std::unique_ptr<Supervisor> supervisor);
  std::unique_ptr<Supervisor> supervisor_;
};

class [[nodiscard]] ChildProcess::Subscription {
 public:
  explicit Subscription(std::function<void()> end) : end_(std::move(end)) {}
  Subscription(Subscription&& other) noexcept : end_(std::exchange(other.end_, nullptr)) {}
  Subscription& operator=(Subscription&&) = delete;
  ~Subscription() {
    if (end_) end_();
  }

 private:
  std::function<void()> end_;
};

}  // namespace opaline::services
