#include "services/dataprep/document_fixture.hpp"

namespace opaline::services::dataprep {
namespace {

ParsedDocument page(const std::string& body) {
  return parsed(
      "<!DOCTYPE html><html><head><title>A  title</title></head><body>" + body + "</body></html>",
      "page.html");
}

TEST(Html, KeepsHeadingsParagraphsAndTitle) {
  const auto document =
      page("<h1>One</h1><p>First\n  line.</p><h2>Two</h2>loose <b>bold</b> text<p>last");
  EXPECT_EQ(document.title, "A title");
  EXPECT_EQ(document.mime, "text/html");
  EXPECT_EQ(outline(document),
            "heading1: One\nparagraph: First line.\nheading2: Two\nparagraph: loose bold "
            "text\nparagraph: last\n");
  EXPECT_EQ(document.text, "One\n\nFirst line.\n\nTwo\n\nloose bold text\n\nlast");
}

TEST(Html, LeavesOutWhatIsNotContent) {
  const auto document = page(
      "<nav>Home</nav><header>Site</header><div class='x navheader'>Prev</div><div "
      "role=navigation>Menu</div>"
      "<div "
      "class=toc>Contents</div><script>alert(1)</script><style>p{}</style><noscript>enable</"
      "noscript><template>t</template>"
      "<p hidden>secret</p><p style='display : none'>secret</p><!-- comment -->"
      "<article><header><h1>Kept</h1></header><p>Body</p></article><footer>(c)</footer>");
  EXPECT_EQ(outline(document), "heading1: Kept\nparagraph: Body\n");
}

TEST(Html, KeepsChromeWhenThereIsNothingElse) {
  EXPECT_EQ(outline(page("<nav>Only this</nav>")), "paragraph: Only this\n");
}

TEST(Html, KeepsDefinitionsWithTheirTerms) {
  const auto document = page(
      "<dl><dt>fsync "
      "(boolean)</dt><dd><p>Syncs.</p><p>More.</p><dl><dt>inner</dt><dd>deep</dd></dl></dd>"
      "<dt>-a</dt><dt>--all</dt><dd>Both.</dd></dl><p>after</p>");
  EXPECT_EQ(outline(document),
            "term: fsync (boolean)\nparagraph1: Syncs.\nparagraph1: More.\nterm1: "
            "inner\nparagraph2: deep\n"
            "term: -a\nterm: --all\nparagraph1: Both.\nparagraph: after\n");
  EXPECT_TRUE(document.text.starts_with("fsync (boolean)\nSyncs."));
}

TEST(Html, MarksListItems) {
  const auto document = page("<ul><li>one<li><p>two</p><p>more</p><ol><li>a<li>b</ol></ul>");
  EXPECT_EQ(outline(document),
            "item: - one\nitem: - two\nparagraph1: more\nitem1:   1. a\nitem1:   2. b\n");
}

TEST(Html, KeepsTableRowsAndHeaders) {
  const auto document = page(
      "<table><caption>Sizes</caption><tr><th>Name</th><th>Size</th></tr><tr><td>int<br>eger</"
      "td><td><p>4</p> bytes</td></tr>"
      "<tr><td></td><td></td></tr></table>");
  EXPECT_EQ(outline(document), "header: Sizes\nheader: Name | Size\nrow: int eger | 4 bytes\n");
}

TEST(Html, ReadsThroughLayoutTables) {
  const auto document = page(
      "<table><tr><td><h1>T</h1><p>text</p><table><tr><td>a</td><td>b</td></tr></table></td></tr></"
      "table>");
  EXPECT_EQ(outline(document), "heading1: T\nparagraph: text\nrow: a | b\n");
}

TEST(Html, KeepsCodeVerbatim) {
  const auto document =
      page("<p>Run:</p><pre>\n  a\n    b &lt; c\n\n  d\n</pre><p>Inline <code>x  y</code>.</p>");
  EXPECT_EQ(outline(document),
            "paragraph: Run:\ncode:   a\\n    b < c\\n\\n  d\nparagraph: Inline x y.\n");
}

TEST(Html, NotesAreNoSections) {
  const auto document =
      page("<h2>S</h2><div class=note><h3 class=title>Note</h3><p>Beware.</p></div><p>On.</p>");
  EXPECT_EQ(outline(document),
            "heading2: S\nparagraph: Note:\nparagraph: Beware.\nparagraph: On.\n");
}

TEST(Html, RemovesAndReportsInvisibleCharacters) {
  const auto document = page(
      "<p>a\xE2\x80\xAE"
      "b\xE2\x80\x8B"
      "c\xF3\xA0\x81\xA1 d&nbsp;e</p>");
  EXPECT_EQ(document.text, "abc d e");
  ASSERT_EQ(document.warnings.size(), 1U);
  EXPECT_EQ(document.warnings[0], "2 invisible characters were left out");
}

TEST(Html, ReadsTheDeclaredCharacterSet) {
  const auto document =
      parsed("<html><head><meta charset=\"iso-8859-2\"></head><body><p>\xB1\xE6</p></body></html>",
             "a.html");
  EXPECT_EQ(document.text, "ąć");
}

TEST(Html, SurvivesBrokenMarkup) {
  const auto document = page("</div><p>a<b>b<p>c</i></table><td>d<ul></p><li><table><li>e<pre>f");
  EXPECT_FALSE(document.blocks.empty());
}

TEST(Html, ReadsDeepNestingAndRefusesAbsurdOne) {
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "<div>";
  EXPECT_EQ(page(deep + "<p>bottom</p>").text, "bottom");
  for (int i = 0; i < 95'000; ++i) deep += "<div>";
  EXPECT_EQ(parse_error("<html>" + deep + "x", "a.html"), "nests elements more than 20000 deep");
}

TEST(Html, UnclosedInlineElementsAreNotDepth) {
  // XHTML anchors, closed in XML's way, which HTML does not know.
  std::string body;
  for (int i = 0; i < 30'000; ++i) body += "<p>x<a id='y'/></p>";
  EXPECT_TRUE(parse("<html><body>" + body, {.source = "a.html"}).has_value());
}

TEST(Html, OneLongLineIsRead) {
  std::string line = "<html><body><p>";
  while (line.size() < (5U << 20)) line += "some words of a very long line ";
  EXPECT_GT(parsed(line, "a.html").text.size(), 4U << 20);
}

}  // namespace
}  // namespace opaline::services::dataprep
