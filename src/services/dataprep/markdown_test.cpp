#include "services/dataprep/document_fixture.hpp"

namespace opaline::services::dataprep {
namespace {

TEST(Markdown, KeepsItsStructure) {
  const auto document = parsed(
      "# Title\n\nA *paragraph* with [a link](http://x.y) &amp; `code`.\nwrapped\n\n## Lists\n\n- "
      "one\n- two\n\n  more\n  1. inner\n\n"
      "```sh\nls  -l\n\necho\n```\n\n> quoted\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
      "a.md");
  EXPECT_EQ(document.mime, "text/markdown");
  EXPECT_EQ(document.title, "Title");
  EXPECT_EQ(outline(document),
            "heading1: Title\nparagraph: A paragraph with a link & code. wrapped\nheading2: "
            "Lists\nitem: - one\nitem: - two\n"
            "paragraph1: more\nitem1:   1. inner\ncode: ls  -l\\n\\necho\nquote: quoted\nheader: a "
            "| b\nrow: 1 | 2\n");
}

TEST(Markdown, TakesTheTitleFromTheFrontMatter) {
  const auto document =
      parsed("---\nlayout: x\ntitle: \"Front\"\n---\n# Heading\n\ntext\n", "a.md");
  EXPECT_EQ(document.title, "Front");
  EXPECT_EQ(outline(document), "heading1: Heading\nparagraph: text\n");
}

TEST(Markdown, ReadsEmbeddedHtml) {
  const auto document =
      parsed("# T\n\n<div><p>inside <b>html</b></p><script>no</script></div>\n\nx<br>y\n", "a.md");
  EXPECT_EQ(outline(document), "heading1: T\nparagraph: inside html\nparagraph: x\\ny\n");
}

TEST(Markdown, IsRecognisedWithoutItsName) {
  EXPECT_EQ(parsed("# Hello\n\nSome **bold** text.\n", "notes").mime, "text/markdown");
  EXPECT_EQ(parsed("# Hello\n\nSome **bold** text.\n", "notes.txt").mime, "text/plain");
}

TEST(Markdown, ReadsDeeplyNestedQuotes) {
  EXPECT_TRUE(parse(std::string(2000, '>') + " x", {.source = "a.md"}).has_value());
}

}  // namespace
}  // namespace opaline::services::dataprep
