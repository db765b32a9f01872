#include "services/mcp/mcp_inbox.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/limits.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;

McpInbox inbox() {
  return McpInbox(http::Endpoint::parse("http://tools:8000").value(), "/a/sse?x=1");
}
std::string endpoint(std::string_view place) {
  return "event: endpoint\ndata: " + std::string(place) + "\n\n";
}

TEST(McpInbox, TellsWhereMessagesGoAndWhatCame) {
  const std::string all = ": hello\n\n" + endpoint("/messages/?session_id=1") +
                          "event: message\ndata: {\"id\":1}\n\n: ping\n\nevent: other\ndata: no\n\n"
                          "data: {\"id\":2}\n\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, all.size()}) {
    McpInbox read = inbox();
    EXPECT_EQ(read.messages_path(), "");
    for (std::size_t at = 0; at < all.size(); at += piece)
      ASSERT_TRUE(read.feed(std::string_view(all).substr(at, piece)));
    EXPECT_EQ(read.messages_path(), "/messages/?session_id=1");
    EXPECT_EQ(read.next(), R"({"id":1})");
    EXPECT_EQ(read.next(), R"({"id":2})");
    EXPECT_EQ(read.next(), std::nullopt);
  }
}

TEST(McpInbox, HearsNothingBeforeThePlace) {
  McpInbox read = inbox();
  ASSERT_TRUE(read.feed("data: {\"id\":1}\n\n" + endpoint("/m") + endpoint("/n")));
  EXPECT_EQ(read.next(), std::nullopt);
  EXPECT_EQ(read.messages_path(), "/m") << "the place does not move";
}

TEST(McpInbox, ResolvesThePlace) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"/messages", "/messages"},
      {"messages?id=1", "/a/messages?id=1"},
      {"?id=1", "/a/sse?id=1"},
      {"http://tools:8000/m?id=1", "/m?id=1"},
      {"/m?next=http://elsewhere", "/m?next=http://elsewhere"}};
  for (const auto& [place, path] : table) {
    McpInbox read = inbox();
    ASSERT_TRUE(read.feed(endpoint(place))) << place;
    EXPECT_EQ(read.messages_path(), path) << place;
  }
}

TEST(McpInbox, SendsNothingElsewhere) {
  for (const char* place : {"http://elsewhere:8000/m", "http://tools:8001/m",
                            "https://tools:8000/m", "ftp://tools/m", "unix:///run/x.sock"}) {
    McpInbox read = inbox();
    const auto fed = read.feed(endpoint(place));
    ASSERT_FALSE(fed) << place;
    EXPECT_EQ(fed.error().code, ErrorCode::failed_precondition) << place;
  }
  const std::string kLong(limits::kTargetBytes, 'a');
  for (const std::string& place :
       {std::string("/a b"), std::string("//elsewhere/m"), "/" + kLong, std::string("/\x7f"),
        std::string("http://tools:8000"), std::string("/m#a")}) {
    McpInbox read = inbox();
    const auto fed = read.feed(endpoint(place));
    ASSERT_FALSE(fed) << place;
    EXPECT_EQ(fed.error().code, ErrorCode::internal) << place;
  }
}

TEST(McpInbox, IsBounded) {
  McpInbox read = inbox();
  ASSERT_TRUE(read.feed(endpoint("/m")));
  const std::string comment = ":" + std::string(limits::kEventBytes / 2, ' ') + "\n";
  base::Result<void> fed;
  for (std::size_t sent = 0; fed && sent <= limits::kReplyBytes; sent += comment.size())
    fed = read.feed(comment);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, ErrorCode::resource_exhausted);
}

}  // namespace
}  // namespace opaline::services
