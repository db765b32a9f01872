#include "services/dataprep/parser_child.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <optional>
#include <variant>

#include "base/utf8.hpp"
#include "services/dataprep/confinement.hpp"
#include "services/dataprep/media_type.hpp"
#include "services/dataprep/parse.hpp"
#include "services/dataprep/parse_message.hpp"
#include "services/dataprep/pdf_tool.hpp"
#include "services/dataprep/text_encoding.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;
using base::Result;

constexpr int kExitMisused = 2;

bool read_all(int file, char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t count = read(file, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::optional<ParseJob> read_job() {
  std::uint64_t size = 0;
  if (!read_all(kSocketDescriptor, reinterpret_cast<char*>(&size), sizeof size) ||
      size > kJobBytesMax)
    return {};
  std::string bytes(size, '\0');
  if (!read_all(kSocketDescriptor, bytes.data(), size)) return {};
  auto job = decode_job(bytes);
  if (!job) return {};
  return std::move(*job);
}

/// Prepares what needs rights, gives up the rights, then parses. Before that only three plain
/// checks see the document: is it PDF, is it text, is it UTF-8.
Result<ParsedDocument> parse_confined(std::string_view bytes, const ParseHints& hints) {
  std::optional<PdfTool> tool;
  if (bytes.substr(0, 1024).contains("%PDF-")) {
    OPALINE_TRY(PdfTool started, PdfTool::start(kDocumentDescriptor));
    tool.emplace(std::move(started));
  } else if (!base::is_utf8(bytes) || bytes.contains('\x1B')) {
    if (looks_like_text(bytes)) load_converters();
  }
  OPALINE_TRY(const Confinement confinement,
              Confinement::prepare(Confinement::Program::parser, tool ? tool->process() : 0));
  if (!confinement.apply()) {
    return base::fail(ErrorCode::unavailable,
                      "cannot be read: the parser cannot be confined on this machine");
  }
  return parse(bytes, hints, [&](std::string_view) -> Result<PdfText> {
    if (!tool) return base::fail(ErrorCode::internal, "could not be read: no PDF tool was started");
    return tool->read();
  });
}

Result<ParsedDocument> parse_document(std::string_view bytes, const ParseHints& hints) {
  try {
    return parse_confined(bytes, hints);
  } catch (const std::exception& thrown) {
    return base::fail(ErrorCode::internal, "could not be read: its parser failed", thrown.what());
  }
}

}  // namespace

int parse_child_main() {
  struct stat socket_status{};
  if (fstat(kSocketDescriptor, &socket_status) != 0 || !S_ISSOCK(socket_status.st_mode))
    return kExitMisused;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_DUMPABLE, 0);
  const std::optional<ParseJob> job = read_job();
  // A server that died before PDEATHSIG was set is no longer the parent.
  if (!job || static_cast<std::uint64_t>(getppid()) != job->parent) return kExitMisused;
  limit_resources({.memory_bytes = job->memory_bytes,
                   .processor_time = std::chrono::seconds(job->processor_seconds)});
  std::set_new_handler([] { _exit(kExitOutOfMemory); });

  struct stat document_status{};
  if (fstat(kDocumentDescriptor, &document_status) != 0) return kExitMisused;
  const auto size = static_cast<std::size_t>(document_status.st_size);
  std::string_view bytes;
  if (size > 0) {
    void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, kDocumentDescriptor, 0);
    if (mapped == MAP_FAILED) _exit(kExitOutOfMemory);
    bytes = {static_cast<const char*>(mapped), size};
  }
  const std::string answer = encode_result(parse_document(bytes, job->hints));
  const std::uint64_t length = answer.size();
  const std::string_view prefix(reinterpret_cast<const char*>(&length), sizeof length);
  const bool sent = write_all(kSocketDescriptor, prefix) && write_all(kSocketDescriptor, answer);
  // Nothing is worth being released one by one, or checked for leaks.
  _exit(sent ? 0 : 1);
}

}  // namespace opaline::services::dataprep
