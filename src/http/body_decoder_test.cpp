#include "http/body_decoder.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/limits.hpp"

namespace opaline::http {
namespace {

constexpr Framing kChunked{Framing::Body::chunked, 0, true, false};

TEST(BodyDecoder, ReadsChunksHoweverTheyAreCutAndLeavesWhatFollows) {
  const std::string bytes =
      "5\r\nhello\r\n001;a=\"b\"\r\n \r\nA;x\r\n0123456789\r\n0;last\r\nA: b\r\nC:\r\n\r\nGET /";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    BodyDecoder decoder(kChunked);
    std::string body;
    std::size_t used = 0;
    while (!decoder.done()) {
      const auto fed = decoder.feed(std::string_view(bytes).substr(used, piece), body);
      ASSERT_TRUE(fed) << fed.error().message;
      used += *fed;
    }
    EXPECT_EQ(body, "hello 0123456789") << piece;
    EXPECT_EQ(bytes.substr(used), "GET /") << piece;
  }
}

TEST(BodyDecoder, StopsAtTheLength) {
  BodyDecoder decoder(Framing{Framing::Body::length, 5, true, false});
  std::string body;
  EXPECT_EQ(decoder.feed("hel", body), 3U);
  EXPECT_EQ(decoder.announced(), 2U);
  EXPECT_FALSE(decoder.finish());
  EXPECT_EQ(decoder.feed("loGET", body), 2U);
  EXPECT_TRUE(decoder.done());
  EXPECT_EQ(decoder.feed("GET", body), 0U);
  EXPECT_EQ(body, "hello");
}

TEST(BodyDecoder, KnowsWhetherACloseIsTheEnd) {
  std::string body;
  BodyDecoder none(Framing{});
  EXPECT_TRUE(none.done());
  BodyDecoder until_close(Framing{Framing::Body::until_close, 0, false, false});
  EXPECT_EQ(until_close.feed("hello", body), 5U);
  EXPECT_FALSE(until_close.done());
  EXPECT_TRUE(until_close.finish());
  BodyDecoder chunked(kChunked);
  EXPECT_EQ(chunked.feed("0\r\n", body), 3U);
  EXPECT_FALSE(chunked.finish());
}

TEST(BodyDecoder, AnnouncesAChunkBeforeItHasCome) {
  BodyDecoder decoder(kChunked);
  std::string body;
  ASSERT_TRUE(decoder.feed("3ffffffffffffff\r\nx", body));
  EXPECT_EQ(decoder.announced(), 0x3fffffffffffffeU);
}

TEST(BodyDecoder, LimitsWhatItDrops) {
  const auto fed = [](const std::string& bytes) {
    BodyDecoder decoder(kChunked);
    std::string body;
    return decoder.feed(bytes, body).has_value();
  };
  const std::string extension(limits::kChunkExtensionBytes, 'x');
  EXPECT_TRUE(fed("0;" + extension + "\r\n\r\n"));
  EXPECT_FALSE(fed("0;" + extension + "x\r\n\r\n"));
  // Many small ones are one large one.
  std::string many;
  for (std::size_t bytes = 0; bytes <= limits::kTrailerBytes; bytes += extension.size())
    many += "1;" + extension + "\r\nx\r\n";
  EXPECT_FALSE(fed(many));
  EXPECT_TRUE(fed("0\r\nA:" + std::string(limits::kTrailerBytes - 3, 'x') + "\r\n"));
  EXPECT_FALSE(fed("0\r\nA:" + std::string(limits::kTrailerBytes, 'x') + "\r\n"));
  EXPECT_TRUE(fed(std::string(16, '0') + "\r\n\r\n"));
  EXPECT_FALSE(fed(std::string(17, '0')));
}

}  // namespace
}  // namespace opaline::http
