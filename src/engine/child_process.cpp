#include "engine/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

extern char** environ;

namespace opaline::engine {
namespace {

constexpr std::size_t kOutputBytesMax = 64 * 1024;
constexpr int kTickMs = 200;
constexpr int kGraceTicks = 10;  // Between SIGTERM and SIGKILL.

std::vector<std::string> merged_environment(
    const std::vector<std::pair<std::string, std::string>>& additions) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view ours(*entry);
    bool replaced = false;
    for (const auto& [name, value] : additions) {
      replaced = replaced || (ours.starts_with(name) && ours.substr(name.size()).starts_with('='));
    }
    if (!replaced) merged.emplace_back(ours);
  }
  for (const auto& [name, value] : additions) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> pointers_of(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

struct Spawned {
  pid_t pid = 0;
  int output = -1;
};

base::Result<Spawned> spawn(const ChildProcess& child) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    return base::fail(base::ErrorCode::unavailable, "cannot start a process", std::strerror(errno));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  // A group of its own, so that what it starts ends with it; and no signal blocked by the thread
  // that asks.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);

  const std::vector<std::string> environment = merged_environment(child.environment);
  const std::vector<char*> arguments = pointers_of(child.arguments);
  const std::vector<char*> variables = pointers_of(environment);
  Spawned spawned{.output = pipe[0]};
  const int error = posix_spawnp(&spawned.pid, arguments[0], &actions, &attributes,
                                 arguments.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  if (error == 0) return spawned;
  ::close(pipe[0]);
  const auto code = error == ENOENT || error == EACCES ? base::ErrorCode::not_found
                                                       : base::ErrorCode::unavailable;
  return base::fail(code, "cannot start " + child.arguments[0] + ": " + std::strerror(error));
}

/// Reads what is there within a tick. False once the child has closed its side.
bool read_output(int descriptor, std::string& output) {
  pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
  const int ready = ::poll(&waiting, 1, kTickMs);
  if (ready == 0 || (ready < 0 && errno == EINTR)) return true;
  std::array<char, 4096> block{};
  const ssize_t count = ::read(descriptor, block.data(), block.size());
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) return false;
  output.append(block.data(), static_cast<std::size_t>(count));
  if (output.size() > kOutputBytesMax) output.erase(0, output.size() - kOutputBytesMax);
  return true;
}

}  // namespace

base::Result<ChildOutcome> run_child(const ChildProcess& child) {
  OPALINE_TRY(const Spawned spawned, spawn(child));
  ChildOutcome outcome;
  bool open = true;
  bool cancelled = false;
  int ticks_since_cancel = 0;
  int status = 0;
  // A grandchild may hold the pipe open after the child ended, or the child may close it before:
  // wait for the child.
  while (true) {
    if (open) {
      open = read_output(spawned.output, outcome.output);
    } else {
      ::poll(nullptr, 0, kTickMs / 10);
    }
    if (child.on_tick && !cancelled) child.on_tick();
    if (!cancelled && child.cancelled && child.cancelled()) {
      cancelled = true;
      ::kill(-spawned.pid, SIGTERM);
    } else if (cancelled && ++ticks_since_cancel == kGraceTicks) {
      ::kill(-spawned.pid, SIGKILL);
    }
    const pid_t ended = ::waitpid(spawned.pid, &status, WNOHANG);
    if (ended == spawned.pid) break;
    if (ended < 0 && errno != EINTR) break;
  }
  while (open) {
    pollfd waiting{.fd = spawned.output, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 0) <= 0) break;
    open = read_output(spawned.output, outcome.output);
  }
  ::close(spawned.output);
  if (cancelled)
    return base::fail(base::ErrorCode::cancelled, child.arguments[0] + " was cancelled");
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

}  // namespace opaline::engine
