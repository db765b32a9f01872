#include "services/dataprep/document_fixture.hpp"

namespace opaline::services::dataprep {
namespace {

TEST(PlainText, IsCutAtBlankLinesAndKeptAsItIs) {
  const auto document =
      parsed("First line\r\nsecond line\r\n\r\n\r\n  indented\tpart  \r\n", "notes.txt");
  EXPECT_EQ(document.title, "notes");
  EXPECT_EQ(document.mime, "text/plain");
  EXPECT_EQ(outline(document),
            "paragraph: First line\\nsecond line\nparagraph:   indented\tpart\n");
}

TEST(PlainText, FindsHeadingsAndItems) {
  const auto document = parsed(
      "Manual\n======\n\nINSTALLATION\n\nDo this:\n- one\n- two\n  wrapped\n1. three\n\nTHE END",
      "a.txt");
  EXPECT_EQ(outline(document),
            "heading1: Manual\nheading2: INSTALLATION\nparagraph: Do this:\nitem: - one\nitem: - "
            "two\\n  wrapped\nitem: 1. three\n"
            "paragraph: THE END\n");
  EXPECT_EQ(document.title, "Manual");
}

TEST(PlainText, ReadsOneVeryLongLine) {
  const auto document = parsed(std::string(50U << 20, 'x'), "a.txt");
  EXPECT_EQ(document.text.size(), 50U << 20);
}

TEST(PlainText, RefusesMoreTextThanItsLimit) {
  EXPECT_EQ(parse_error(std::string(65U << 20, 'x'), "a.txt"), "has more than 64 MiB of text");
}

TEST(PlainText, OfBlanksOnlyIsNoDocument) {
  EXPECT_EQ(parse_error(" \n\t\n ", "a.txt"), "contains no text");
}

}  // namespace
}  // namespace opaline::services::dataprep
