#include "flow/usage_stream.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <vector>

#include "flow/orchestrator_fixture.hpp"

namespace opaline::flow {
namespace {

constexpr std::string_view kUsage =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\n";

struct Read {
  std::string bytes;
  std::vector<std::string> pieces;
  std::optional<contract::Usage> usage;
};

base::Task<> read_all(UsageStream* stream, Read* all) {
  for (;;) {
    auto bytes = co_await stream->next();
    if (!bytes || !*bytes) co_return;
    all->bytes += **bytes;
    all->pieces.push_back(**std::move(bytes));
  }
}

Read read(std::vector<std::string> pieces, UsageStream::Chunk chunk,
          std::string content_type = "text/event-stream; charset=utf-8") {
  auto usage = std::make_shared<std::optional<contract::Usage>>();
  Journal journal;
  UsageStream stream(std::make_unique<Pieces>(std::move(pieces), &journal, std::move(content_type)),
                     chunk, usage);
  Read done;
  base::EventLoop loop(1);
  boost::asio::co_spawn(loop, read_all(&stream, &done), boost::asio::detached);
  loop.run_for(std::chrono::seconds(5));
  done.usage = *usage;
  return done;
}

std::vector<std::string> cut_up(const std::string& bytes, std::size_t cut) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < bytes.size(); at += cut) pieces.push_back(bytes.substr(at, cut));
  return pieces;
}

Read read(const std::string& bytes, std::size_t cut, UsageStream::Chunk chunk,
          std::string content_type = "text/event-stream; charset=utf-8") {
  return read(cut_up(bytes, cut), chunk, std::move(content_type));
}

TEST(UsageStream, ReadsTheUsageAndLeavesItsChunkOutHoweverTheBytesAreCut) {
  const std::string first = "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\"\"}}]}\n\n";
  const std::string last = ": done\r\n\r\ndata: [DONE]\n\n";
  for (const std::size_t cut : {1, 2, 7, 1000}) {
    const Read all = read(first + std::string(kUsage) + last, cut, UsageStream::Chunk::left_out);
    EXPECT_EQ(all.bytes, first + last) << cut;
    ASSERT_TRUE(all.usage);
    EXPECT_EQ(all.usage->prompt_tokens, 7u);
    EXPECT_EQ(all.usage->completion_tokens, 2u);
  }
}

TEST(UsageStream, PassesTheChunkOnToThoseWhoAskedForIt) {
  const Read all = read(std::string(kUsage), 5, UsageStream::Chunk::passed_on);
  EXPECT_EQ(all.bytes, kUsage);
  EXPECT_TRUE(all.usage);
}

TEST(UsageStream, KeepsAChunkThatSaysMore) {
  const std::string more =
      "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7}}\n\n";
  const Read all = read(more, 1000, UsageStream::Chunk::left_out);
  EXPECT_EQ(all.bytes, more);
  EXPECT_EQ(all.usage.value().prompt_tokens, 7u);
}

TEST(UsageStream, PassesOtherContentAndBrokenEventsUntouched) {
  EXPECT_EQ(read(std::string(kUsage), 9, UsageStream::Chunk::left_out, "audio/wav").bytes, kUsage);
  const std::string odd =
      "data: {\"usage\": 7}\n\ndata: \"usage\" {\n\ndata: {\"usage\":null}\n\nda";
  EXPECT_EQ(read(odd, 4, UsageStream::Chunk::left_out).bytes, odd);
}

TEST(UsageStream, AnEventEndsWithAnyBlankLine) {
  const std::vector<std::string> events = {"data: 1\r\r", "data: 2\n\r\n", "data: 3\r\n\n",
                                           "data: 4\n\r", "data: 5\r\n\r", "\n",
                                           "data: 6\n\n"};
  EXPECT_EQ(read(events, UsageStream::Chunk::left_out).pieces, events);
  const std::string usage(kUsage.substr(0, kUsage.size() - 2));
  for (const char* end : {"\r\r", "\n\r\n", "\r\n\n", "\n\r", "\r\n\r\n"}) {
    for (const std::size_t cut : {1, 3, 1000}) {
      const std::string next = "data: [DONE]\n\n";
      const Read all = read(usage + end + next, cut, UsageStream::Chunk::left_out);
      EXPECT_EQ(all.bytes, next);
      EXPECT_TRUE(all.usage);
    }
  }
}

TEST(UsageStream, LooksAtEachByteOfALongEventOnce) {
  std::string event;
  while (event.size() < 500'000) event += "data:\n";
  event += '\n';
  EXPECT_EQ(read(event, 1, UsageStream::Chunk::left_out).pieces.size(), 1U);
}

TEST(UsageStream, FindsAUsageBesideOneThatIsNull) {
  const std::string both =
      R"(data: {"choices":[],"x":{"usage": null},"usage" : {"prompt_tokens":7}})";
  EXPECT_TRUE(read(both + "\n\n", 1000, UsageStream::Chunk::left_out).usage);
}

}  // namespace
}  // namespace opaline::flow
