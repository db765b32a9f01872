#include "services/dataprep/document_parser.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "services/dataprep/parse_message.hpp"

namespace opaline::services::dataprep {
namespace {

namespace asio = boost::asio;
using base::ErrorCode;
using base::Result;
using base::Task;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// An open file. Closed by the destructor.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

  /// The same file under a number that the child's own (0 … 3) cannot collide with.
  [[nodiscard]] Descriptor above() const { return Descriptor(fcntl(number_, F_DUPFD_CLOEXEC, 10)); }

 private:
  int number_;
};

std::unexpected<base::Error> unavailable(const char* what, int error) {
  return base::fail(ErrorCode::unavailable, "cannot be read now: no parser could be started",
                    std::string(what) + ": " + std::strerror(error));
}

Result<Descriptor> open_input(const ParseInput& input) {
  if (const auto* path = std::get_if<std::filesystem::path>(&input)) {
    Descriptor file(open(path->c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return unavailable(path->c_str(), errno);
    return file;
  }
  std::string_view bytes = std::get<std::string>(input);
  Descriptor file(memfd_create("document", MFD_CLOEXEC));
  if (file.get() < 0) return unavailable("memfd_create", errno);
  while (!bytes.empty()) {
    const ssize_t count = write(file.get(), bytes.data(), bytes.size());
    if (count < 0) return unavailable("write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return file;
}

struct SpawnedProcess {
  pid_t id = -1;
  Descriptor socket;
};

Result<SpawnedProcess> spawn(const std::vector<std::string>& command, const Descriptor& input) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return unavailable("socketpair", errno);
  Descriptor ours(ends[0]);
  const Descriptor theirs = Descriptor(ends[1]).above();
  const Descriptor document = input.above();
  if (theirs.get() < 0 || document.get() < 0) return unavailable("dup", errno);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), kSocketDescriptor);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, document.get(), kDocumentDescriptor);
  posix_spawn_file_actions_addclosefrom_np(&actions, kDocumentDescriptor + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  char* environment[] = {nullptr};
  SpawnedProcess process{.socket = std::move(ours)};
  const int error = posix_spawn(&process.id, command.front().c_str(), &actions, &attributes,
                                arguments.data(), environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return unavailable(command.front().c_str(), error);
  return process;
}

/// A running parser. Killed and reaped by the destructor if it was not awaited, which then waits
/// for the kernel to clear away its memory.
class ParserProcess {
 public:
  ParserProcess(SpawnedProcess process, const asio::any_io_executor& executor)
      : id_(process.id), socket_(std::make_shared<Socket>(executor)) {
    boost::system::error_code ignored;  // Of a socket that we just made.
    socket_->assign(asio::local::stream_protocol(), process.socket.release(), ignored);
  }
  ParserProcess(const ParserProcess&) = delete;
  ParserProcess& operator=(const ParserProcess&) = delete;
  ~ParserProcess() {
    if (id_ <= 0) return;
    kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
  }

  using Socket = asio::local::stream_protocol::socket;
  /// Owners: this, and the timer that closes it.
  [[nodiscard]] const std::shared_ptr<Socket>& socket() const { return socket_; }
  void kill_now() const { kill(id_, SIGKILL); }

  /// Suspends until it has ended, or for at most `patience`, after which it is killed. @return its
  /// wait status.
  Task<int> ended(std::chrono::milliseconds patience) {
    auto executor = co_await asio::this_coro::executor;
    const auto handle = static_cast<int>(syscall(SYS_pidfd_open, id_, 0));
    if (handle >= 0) {
      // Owners: this frame and the timer, whose handler may still be queued when the frame is gone.
      auto descriptor = std::make_shared<asio::posix::stream_descriptor>(executor, handle);
      asio::steady_timer timer(executor, patience);
      timer.async_wait([descriptor](boost::system::error_code error) {
        if (!error) descriptor->cancel();
      });
      co_await descriptor->async_wait(asio::posix::stream_descriptor::wait_read, kAwait);
    }
    kill(id_, SIGKILL);
    int status = 0;
    while (waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    co_return status;
  }

 private:
  pid_t id_;
  std::shared_ptr<Socket> socket_;
};

enum class Stopped { no, too_slow, cancelled, deadline };

base::Error how_it_ended(int status, const ParserSettings& settings) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == kExitOutOfMemory) {
    return {ErrorCode::invalid_argument,
            fmt::format("needs more than {} MiB to read", settings.memory_bytes >> 20),
            {}};
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
    return {ErrorCode::invalid_argument,
            fmt::format("took longer than {} s to read", settings.time.count()),
            {}};
  }
  if (WIFSIGNALED(status)) {
    return {ErrorCode::internal,
            fmt::format("could not be read: its parser crashed (signal {}, {})", WTERMSIG(status),
                        strsignal(WTERMSIG(status))),
            {}};
  }
  return {ErrorCode::internal,
          fmt::format("could not be read: its parser ended with status {}", WEXITSTATUS(status)),
          {}};
}

/// Sends the job and reads the answer; nothing when the socket closed before it was whole.
Task<std::optional<std::string>> converse(std::shared_ptr<ParserProcess::Socket> socket,
                                          std::string job) {
  std::uint64_t length = job.size();
  const std::array<asio::const_buffer, 2> request = {asio::buffer(&length, sizeof length),
                                                     asio::buffer(job)};
  if (auto [error, count] = co_await asio::async_write(*socket, request, kAwait); error)
    co_return std::nullopt;
  if (auto [error, count] =
          co_await asio::async_read(*socket, asio::buffer(&length, sizeof length), kAwait);
      error) {
    co_return std::nullopt;
  }
  if (length > kResultBytesMax) co_return std::nullopt;
  // Memory is taken as the bytes come, not as they are promised.
  std::string answer;
  while (answer.size() < length) {
    const std::size_t before = answer.size();
    answer.resize(std::min<std::size_t>(length, before + (std::size_t{1} << 20)));
    auto [error, count] = co_await asio::async_read(
        *socket, asio::buffer(answer.data() + before, answer.size() - before), kAwait);
    if (error) co_return std::nullopt;
  }
  co_return answer;
}

}  // namespace

Task<Result<ParsedDocument>> DocumentParser::parse(ParseInput input, ParseHints hints,
                                                   base::Context context) const {
  if (context.cancelled()) co_return base::fail(ErrorCode::cancelled, "was cancelled");
  OPALINE_CO_TRY(Descriptor document, open_input(input));
  input = std::string();
  OPALINE_CO_TRY(SpawnedProcess spawned, spawn(settings_.command, document));
  auto executor = co_await asio::this_coro::executor;
  ParserProcess process(std::move(spawned), executor);

  // Owners: this frame, the timer's handler, the cancellation's action.
  auto stopped = std::make_shared<Stopped>(Stopped::no);
  const auto stop = [socket = process.socket(), stopped](Stopped why) {
    if (*stopped != Stopped::no) return;
    *stopped = why;
    boost::system::error_code ignored;
    socket->close(ignored);
  };
  const auto own_end = base::Context::Clock::now() + settings_.time;
  const bool deadline_first = context.deadline < own_end;
  asio::steady_timer timer(executor, std::min(context.deadline, own_end));
  timer.async_wait([stop, deadline_first](boost::system::error_code error) {
    if (!error) stop(deadline_first ? Stopped::deadline : Stopped::too_slow);
  });
  const auto registration = context.cancellation->on_request([stop] { stop(Stopped::cancelled); });

  std::string job =
      encode_job({.hints = std::move(hints),
                  .memory_bytes = settings_.memory_bytes,
                  .processor_seconds = static_cast<std::uint64_t>(settings_.time.count()),
                  .parent = static_cast<std::uint64_t>(getpid())});
  const std::optional<std::string> answer = co_await converse(process.socket(), std::move(job));
  timer.cancel();
  // One that has answered, or was told to stop, is not waited for; one that fell silent may tell by
  // its end why.
  if (answer || *stopped != Stopped::no) process.kill_now();
  const int status = co_await process.ended(std::chrono::seconds(1));
  if (answer) co_return decode_result(*answer);
  switch (*stopped) {
    case Stopped::too_slow:
      co_return base::fail(ErrorCode::invalid_argument,
                           fmt::format("took longer than {} s to read", settings_.time.count()));
    case Stopped::cancelled: co_return base::fail(ErrorCode::cancelled, "was cancelled");
    case Stopped::deadline:
      co_return base::fail(ErrorCode::deadline_exceeded, "could not be read in the time given");
    case Stopped::no: break;
  }
  co_return base::fail(how_it_ended(status, settings_));
}

}  // namespace opaline::services::dataprep
