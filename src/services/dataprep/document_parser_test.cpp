#include "services/dataprep/document_parser.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <fstream>
#include <optional>

#include "services/dataprep/confinement.hpp"
#include "services/dataprep/document_fixture.hpp"
#include "services/dataprep/parse_message.hpp"
#include "services/dataprep/parser_child.hpp"

namespace opaline::services::dataprep {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using base::Result;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OPALINE_TEST_SANITIZED
#endif
#endif

/// Ways in which a parser may go wrong after it has read its job.
[[noreturn]] void misbehave(std::string_view how) {
  std::array<char, 4096> job;
  if (read(kSocketDescriptor, job.data(), job.size()) < 0) _exit(9);
  if (how == "child-crash") raise(SIGSEGV);
  if (how == "child-hang") {
    for (;;) pause();
  }
  if (how == "child-spin") {
    limit_resources({.memory_bytes = std::size_t{1} << 30, .processor_time = 1s});
    for (volatile unsigned i = 0;; i = i + 1) {
    }
  }
  const auto send = [](std::string_view bytes) {
    static_cast<void>(write(kSocketDescriptor, bytes.data(), bytes.size()));
  };
  if (how == "child-garbage") send(std::string("\x05\0\0\0\0\0\0\0hello", 13));
  if (how == "child-boast") send(std::string(8, '\xFF'));
  if (how == "child-half") send(std::string("\xFF\0\0\0\0\0\0\0hello", 13));
  if (how == "child-memory") _exit(kExitOutOfMemory);
  _exit(how == "child-half" ? 0 : 3);
}

/// What the parser process of these tests may still do: tried from inside, reported as a document's
/// text.
[[noreturn]] void try_the_walls() {
  std::array<char, 4096> job;
  if (read(kSocketDescriptor, job.data(), job.size()) < 0) _exit(9);
  std::string report = std::to_string(environ[0] == nullptr) + " ";
  int open_files = 0;
  for (int file = 4; file < 1024; ++file) open_files += fcntl(file, F_GETFD) >= 0 ? 1 : 0;
  report += std::to_string(open_files) + " ";
  limit_resources({.memory_bytes = std::size_t{1} << 30, .processor_time = 10s});
  auto confinement = Confinement::prepare(Confinement::Program::parser);
  if (!confinement || !confinement->apply()) _exit(8);
  report += socket(AF_INET, SOCK_STREAM, 0) < 0 ? "socket " : "OPEN ";
  report += open("/etc/passwd", O_RDONLY) < 0 ? "open " : "OPEN ";
  report += open("/tmp/opaline-escape", O_WRONLY | O_CREAT, 0600) < 0 ? "create " : "OPEN ";
  report += fork() < 0 ? "fork " : "OPEN ";
  report += kill(getppid(), 0) < 0 ? "kill " : "OPEN ";
  char* arguments[] = {nullptr};
  report += execve("/bin/true", arguments, arguments) < 0 ? "exec" : "OPEN";
  DocumentWriter out;
  out.add({}, report);
  const std::string answer = encode_result(std::move(out).finish("text/plain", "x"));
  const std::uint64_t length = answer.size();
  static_cast<void>(write(kSocketDescriptor, &length, sizeof length));
  static_cast<void>(write(kSocketDescriptor, answer.data(), answer.size()));
  _exit(0);
}

/// This test program is its own parser: started with one of these arguments it never reaches
/// main().
[[gnu::constructor]] void be_a_child(int argc, char** argv) {
  if (argc < 2) return;
  const std::string_view role = argv[1];
  if (role == "child-parse") _exit(parse_child_main());
  if (role == "child-walls") try_the_walls();
  if (role.starts_with("child-")) misbehave(role);
}

Result<ParsedDocument> parse_in_child(std::string bytes, const std::string& source,
                                      const std::string& role = "child-parse",
                                      ParserSettings settings = {}, base::Context context = {},
                                      std::optional<std::chrono::milliseconds> cancel_after = {}) {
  settings.command = {"/proc/self/exe", role};
  const DocumentParser parser(settings);
  base::EventLoop loop(1);
  std::optional<Result<ParsedDocument>> result;
  boost::asio::co_spawn(loop,
                        parser.parse(ParseInput(std::move(bytes)), {.source = source}, context),
                        [&](const std::exception_ptr& thrown, Result<ParsedDocument> parsed) {
                          if (thrown) std::rethrow_exception(thrown);
                          result = std::move(parsed);
                        });
  boost::asio::steady_timer timer(loop);
  if (cancel_after) {
    timer.expires_after(*cancel_after);
    timer.async_wait([&](boost::system::error_code) { context.cancellation->request(); });
  }
  loop.run_for(60s);
  if (!result) return base::fail(ErrorCode::internal, "the test's time is over");
  return std::move(*result);
}

TEST(DocumentParser, ReadsEveryFormatInAConfinedProcess) {
  const auto text_of = [](std::string bytes, const std::string& source) {
    const auto document = parse_in_child(std::move(bytes), source);
    return document ? document->mime + " " + document->text
                    : document.error().message + document.error().detail;
  };
  EXPECT_EQ(text_of("<html><p>page", "a.html"), "text/html page");
  EXPECT_EQ(text_of("# T", "a.md"), "text/markdown T");
  EXPECT_EQ(text_of("text", "a.txt"), "text/plain text");
  EXPECT_EQ(text_of("{\"a\":1}", "a.json"), "application/json a: 1");
  EXPECT_EQ(text_of("a,b\n1,2\n", "a.csv"), "text/csv a: 1; b: 2");
  EXPECT_EQ(text_of(make_pdf({"pdf page"}), "a.pdf"), "application/pdf pdf page");
  EXPECT_EQ(text_of(make_docx(docx_paragraph("word")), "a.docx"),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document word");
  // A converter is loaded before the right to open files is gone.
  EXPECT_EQ(text_of("\xCF\xF0\xE8\xE2\xE5\xF2, \xEA\xE0\xEA \xE4\xE5\xEB\xE0? \xDD\xF2\xEE "
                    "\xF2\xE5\xEA\xF1\xF2 \xED\xE0 "
                    "\xF0\xF3\xF1\xF1\xEA\xEE\xEC \xFF\xE7\xFB\xEA\xE5.",
                    "a.txt"),
            "text/plain Привет, как дела? Это текст на русском языке.");
}

TEST(DocumentParser, ReadsFilesByTheirPath) {
  const auto path =
      std::filesystem::temp_directory_path() / fmt::format("opaline-parser-{}", getpid());
  std::ofstream(path) << "from a file";
  const DocumentParser parser({.command = {"/proc/self/exe", "child-parse"}});
  base::EventLoop loop(1);
  std::string text;
  boost::asio::co_spawn(loop, parser.parse(ParseInput(path), {.source = "a.txt"}, {}),
                        [&](const std::exception_ptr&, Result<ParsedDocument> parsed) {
                          if (parsed) text = parsed->text;
                        });
  loop.run_for(60s);
  std::filesystem::remove(path);
  EXPECT_EQ(text, "from a file");
}

TEST(DocumentParser, PassesOnWhatIsWrongWithTheDocument) {
  EXPECT_EQ(parse_in_child("", "a.txt").error().message, "is empty");
  EXPECT_EQ(parse_in_child("\x89PNG\r\n\x1A\n", "a.txt").error().message,
            "is not a supported document (looks like a PNG image)");
  EXPECT_EQ(parse_in_child("%PDF-1.4 broken", "a.pdf").error().message, "is a damaged PDF file");
}

TEST(DocumentParser, WallsHold) {
  const auto document = parse_in_child("x", "a", "child-walls");
  ASSERT_TRUE(document.has_value()) << document.error().message;
  EXPECT_EQ(document->text, "1 0 socket open create fork kill exec");
}

TEST(DocumentParser, TellsHowAParserWentWrong) {
  const auto error = [](const std::string& role, ParserSettings settings = {}) {
    return parse_in_child("x", "a", role, settings).error();
  };
  EXPECT_EQ(error("child-memory").message, "needs more than 1024 MiB to read");
  EXPECT_EQ(error("child-memory").code, ErrorCode::invalid_argument);
#ifndef OPALINE_TEST_SANITIZED
  EXPECT_TRUE(
      error("child-crash").message.starts_with("could not be read: its parser crashed (signal 11"))
      << error("child-crash").message;
#endif
  EXPECT_EQ(error("child-crash").code, ErrorCode::internal);
  EXPECT_EQ(error("child-hang", {.time = 1s}).message, "took longer than 1 s to read");
  EXPECT_EQ(error("child-spin", {.time = 30s}).message,
            "took longer than 30 s to read");  // By its processor time.
  EXPECT_EQ(error("child-silent").message, "could not be read: its parser ended with status 3");
  EXPECT_EQ(error("child-half").message, "could not be read: its parser ended with status 0");
  EXPECT_EQ(error("child-garbage").message, "could not be read: its parser gave no proper answer");
  EXPECT_EQ(error("child-boast").code, ErrorCode::internal);
}

#ifndef OPALINE_TEST_SANITIZED
TEST(DocumentParser, MemoryIsLimited) {
  std::string page = "<html><body>";
  while (page.size() < (12U << 20)) page += "<p>a<b>b</b>";
  const auto result = parse_in_child(std::move(page), "a.html", "child-parse",
                                     {.memory_bytes = std::size_t{192} << 20});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().message, "needs more than 192 MiB to read");
}
#endif

TEST(DocumentParser, CancellingKillsTheParser) {
  const auto result = parse_in_child("x", "a", "child-hang", {}, {}, 50ms);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::cancelled);
}

TEST(DocumentParser, HonoursTheDeadline) {
  base::Context context;
  context.deadline = base::Context::Clock::now() + 100ms;
  EXPECT_EQ(parse_in_child("x", "a", "child-hang", {}, context).error().code,
            ErrorCode::deadline_exceeded);
}

TEST(DocumentParser, SaysWhenNoParserCanBeStarted) {
  const DocumentParser parser({.command = {"/nonexistent/opaline"}});
  base::EventLoop loop(1);
  std::optional<base::Error> error;
  boost::asio::co_spawn(loop, parser.parse(ParseInput(std::string("x")), {}, {}),
                        [&](const std::exception_ptr&, Result<ParsedDocument> parsed) {
                          if (!parsed) error = parsed.error();
                        });
  loop.run_for(60s);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace opaline::services::dataprep
