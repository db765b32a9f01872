#include "gateway/console_files.hpp"

#include <gtest/gtest.h>

namespace opaline::gateway {
namespace {

std::optional<ConsoleFile> files(std::string_view path) {
  if (path == "/index.html") return ConsoleFile{"text/html; charset=utf-8", "<html>", "\"1\""};
  if (path == "/assets/app-3f.js") return ConsoleFile{"text/javascript", "run()", "\"2\""};
  return {};
}

http::Request get(std::string path, std::string accept = "") {
  http::Request made;
  made.method = "GET";
  made.path = std::move(path);
  if (!accept.empty()) made.headers.add("Accept", std::move(accept));
  return made;
}

TEST(ConsoleFiles, ServesThePageAtTheRoot) {
  const auto reply = console_reply(files, get("/"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->body, "<html>");
  EXPECT_EQ(reply->headers.get("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(reply->headers.get("Cache-Control"), "no-cache");
}

TEST(ConsoleFiles, KeepsHashedFilesForEver) {
  EXPECT_NE(console_reply(files, get("/assets/app-3f.js"))
                ->headers.get("Cache-Control")
                .find("immutable"),
            std::string_view::npos);
}

TEST(ConsoleFiles, SendsNothingTwice) {
  auto again = get("/");
  again.headers.add("If-None-Match", "\"1\"");
  const auto reply = console_reply(files, again);
  EXPECT_EQ(reply->status, 304u);
  EXPECT_EQ(reply->body, "");
}

TEST(ConsoleFiles, LetsTheConsoleRoutePagesItself) {
  EXPECT_EQ(console_reply(files, get("/documents", "text/html,*/*"))->body, "<html>");
  EXPECT_FALSE(console_reply(files, get("/documents")));
  EXPECT_FALSE(console_reply(files, get("/v1/nothing", "text/html")));
  EXPECT_FALSE(console_reply(files, get("/assets/missing.js", "text/html")));
}

TEST(ConsoleFiles, HasNoneWithoutAConsole) { EXPECT_FALSE(console_reply(nullptr, get("/"))); }

}  // namespace
}  // namespace opaline::gateway
