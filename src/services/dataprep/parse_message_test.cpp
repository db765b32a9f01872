#include "services/dataprep/parse_message.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "services/dataprep/document_fixture.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;

TEST(ParseMessage, CarriesJobsAndResults) {
  const ParseJob job{.hints = {.claimed_mime = "text/html", .source = "a/b.html"},
                     .memory_bytes = 7,
                     .processor_seconds = 8,
                     .parent = 9};
  const auto read = decode_job(encode_job(job));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->hints.source, "a/b.html");
  EXPECT_EQ(read->hints.claimed_mime, "text/html");
  EXPECT_EQ(read->memory_bytes + read->processor_seconds + read->parent, 24U);

  const ParsedDocument document = parsed("# T\n\ntext\n\n- a\n", "a.md");
  EXPECT_EQ(decode_result(encode_result(document)).value(), document);
  const base::Result<ParsedDocument> failed =
      base::fail(ErrorCode::invalid_argument, "is empty", "detail");
  EXPECT_EQ(decode_result(encode_result(failed)).error(), failed.error());
}

TEST(ParseMessage, RefusesEveryCutAndPadding) {
  const std::string whole = encode_result(parsed("# T\n\ntext\n", "a.md"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_result(std::string_view(whole).substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(decode_result(whole + "x").has_value());
  EXPECT_FALSE(decode_job("").has_value());
}

TEST(ParseMessage, RefusesDocumentsThatBreakTheirInvariant) {
  const auto refused = [](auto change) {
    ParsedDocument document = parsed("# T\n\ntext äöü\n", "a.md");
    change(document);
    const auto result = decode_result(encode_result(document));
    return !result && result.error().code == ErrorCode::internal;
  };
  EXPECT_FALSE(refused([](ParsedDocument&) {}));
  EXPECT_TRUE(refused([](ParsedDocument& d) { d.blocks[0].end = 1'000'000; }));
  EXPECT_TRUE(refused([](ParsedDocument& d) { d.blocks[1].begin = 0; }));
  EXPECT_TRUE(refused([](ParsedDocument& d) { d.blocks[1].end -= 1; }));
  EXPECT_TRUE(refused([](ParsedDocument& d) { d.blocks[0].kind = static_cast<BlockKind>(99); }));
  EXPECT_TRUE(refused([](ParsedDocument& d) { d.blocks[0].level = 0; }));
  EXPECT_TRUE(refused([](ParsedDocument& d) { d.blocks.pop_back(); }));
  EXPECT_TRUE(refused([](ParsedDocument& d) { d.text[0] = '\xFF'; }));
  EXPECT_TRUE(refused([](ParsedDocument& d) { d.title = "\xFF"; }));
}

TEST(ParseMessage, SurvivesNoise) {
  std::string whole = encode_result(parsed("# T\n\ntext\n", "a.md"));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      std::string flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      if (const auto result = decode_result(flipped)) EXPECT_EQ(broken_invariant(*result), "");
    }
  }
}

}  // namespace
}  // namespace opaline::services::dataprep
