#include "services/dataprep/pdf_tool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/limits.hpp"
#include "services/dataprep/confinement.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;
using base::Result;

constexpr const char* kTool = "/usr/bin/pdftotext";
constexpr std::size_t kErrorBytes = 16 * 1024;

struct Pipe {
  int read = -1;
  int write = -1;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return base::fail(ErrorCode::unavailable, "cannot be read now: no pipe", std::strerror(errno));
  }
  return Pipe{ends[0], ends[1]};
}

/// In the new process: nothing here allocates, since another thread may have held the allocator's
/// lock at the fork.
[[noreturn]] void become_tool(int document, const Pipe& output, const Pipe& errors,
                              const Confinement& confinement) {
  if (lseek(document, 0, SEEK_SET) != 0 || dup2(document, 0) < 0 || dup2(output.write, 1) < 0 ||
      dup2(errors.write, 2) < 0) {
    _exit(126);
  }
  // Without PATH, HOME and the rest there are no configuration files to find.
  std::array<char*, 1> environment = {nullptr};
  std::array<const char*, 7> arguments = {"pdftotext", "-htmlmeta", "-enc", "UTF-8",
                                          "-",         "-",         nullptr};
  if (!confinement.apply()) _exit(125);
  // The result's socket, the pipes' other ends: the tool gets none of them.
  if (close_range(3, ~0U, 0) != 0) _exit(126);
  execve(kTool, const_cast<char* const*>(arguments.data()), environment.data());
  _exit(127);
}

}  // namespace

Result<PdfTool> PdfTool::start(int document) {
  if (access(kTool, X_OK) != 0) {
    return base::fail(
        ErrorCode::failed_precondition,
        "is a PDF file, and pdftotext is not installed (apt-get install poppler-utils)");
  }
  OPALINE_TRY(const Confinement confinement, Confinement::prepare(Confinement::Program::pdf_tool));
  OPALINE_TRY(const Pipe output, make_pipe());
  auto errors = make_pipe();
  if (!errors) {
    close(output.read);
    close(output.write);
    return base::fail(std::move(errors).error());
  }
  const pid_t process = fork();
  if (process == 0) become_tool(document, output, *errors, confinement);
  const int fork_error = errno;
  close(output.write);
  close(errors->write);
  PdfTool tool(process, output.read, errors->read);
  if (process < 0)
    return base::fail(ErrorCode::unavailable, "cannot be read now: no process",
                      std::strerror(fork_error));
  return tool;
}

PdfTool::PdfTool(PdfTool&& other) noexcept
    : process_(std::exchange(other.process_, -1)),
      output_(std::exchange(other.output_, -1)),
      errors_(std::exchange(other.errors_, -1)) {}

PdfTool::~PdfTool() {
  if (output_ >= 0) close(output_);
  if (errors_ >= 0) close(errors_);
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
}

Result<PdfText> PdfTool::read() {
  PdfText text;
  std::array<pollfd, 2> sources = {pollfd{output_, POLLIN, 0}, pollfd{errors_, POLLIN, 0}};
  std::array<char, 64 * 1024> buffer;
  while (sources[0].fd >= 0 || sources[1].fd >= 0) {
    if (poll(sources.data(), sources.size(), -1) < 0 && errno != EINTR) break;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (sources[i].fd < 0 || sources[i].revents == 0) continue;
      const ssize_t count = ::read(sources[i].fd, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        sources[i].fd = -1;
        continue;
      }
      const std::string_view part(buffer.data(), static_cast<std::size_t>(count));
      if (i == 0) {
        text.output += part;
      } else {
        text.errors += part.substr(0, kErrorBytes - std::min(kErrorBytes, text.errors.size()));
      }
    }
    if (text.output.size() > limits::kDocumentTextBytes) {
      return base::fail(ErrorCode::invalid_argument, fmt::format("has more than {} MiB of text",
                                                                 limits::kDocumentTextBytes >> 20));
    }
  }
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  text.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return text;
}

Result<PdfText> run_pdftotext(std::string_view bytes) {
  const int file = memfd_create("document", MFD_CLOEXEC);
  if (file < 0)
    return base::fail(ErrorCode::unavailable, "cannot be read now: no memory file",
                      std::strerror(errno));
  Result<PdfText> text = [&]() -> Result<PdfText> {
    while (!bytes.empty()) {
      const ssize_t count = write(file, bytes.data(), bytes.size());
      if (count < 0)
        return base::fail(ErrorCode::unavailable, "cannot be read now: no memory file",
                          std::strerror(errno));
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    OPALINE_TRY(PdfTool tool, PdfTool::start(file));
    return tool.read();
  }();
  close(file);
  return text;
}

}  // namespace opaline::services::dataprep
