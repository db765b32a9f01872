#include "services/remote/spawn.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/assert.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;

/// The attributes and file actions of one posix_spawn.
class SpawnPlan {
 public:
  explicit SpawnPlan(int output) {
    OPALINE_ASSERT(posix_spawnattr_init(&attributes_) == 0);
    OPALINE_ASSERT(posix_spawn_file_actions_init(&files_) == 0);
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files_, output, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
  }
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&files_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  /// @return 0 or an errno.
  int run(pid_t& pid, char* const* argv, char* const* environment) const {
    return posix_spawn(&pid, argv[0], &files_, &attributes_, argv, environment);
  }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t files_{};
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

std::vector<std::string> environment_of_child() {
  const std::string parent = std::string(kParentVariable) + "=";
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with(parent)) variables.emplace_back(*variable);
  }
  variables.push_back(parent + std::to_string(getpid()));
  return variables;
}

}  // namespace

base::Result<Spawned> spawn(const std::vector<std::string>& argv) {
  OPALINE_ASSERT(!argv.empty());
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return base::fail(ErrorCode::unavailable,
                      "no pipe for a child process: " + std::string(std::strerror(errno)));
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  std::vector<std::string> arguments = argv;
  std::vector<std::string> environment = environment_of_child();
  pid_t pid = 0;
  const int error =
      SpawnPlan(ends[1]).run(pid, pointers(arguments).data(), pointers(environment).data());
  close(ends[1]);
  if (error == 0) return Spawned{.pid = pid, .output = ends[0]};
  close(ends[0]);
  const bool missing = error == ENOENT || error == EACCES || error == ENOEXEC;
  return base::fail(missing ? ErrorCode::failed_precondition : ErrorCode::unavailable,
                    "cannot start " + argv.front() + ": " + std::strerror(error));
}

std::string describe_end(int wait_status) {
  if (WIFEXITED(wait_status)) return "exit status " + std::to_string(WEXITSTATUS(wait_status));
  if (!WIFSIGNALED(wait_status)) return "wait status " + std::to_string(wait_status);
  const int signal = WTERMSIG(wait_status);
  const char* text = sigdescr_np(signal);
  return "signal " + std::to_string(signal) +
         (text == nullptr ? "" : " (" + std::string(text) + ")");
}

}  // namespace opaline::services
