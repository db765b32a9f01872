#include "services/dataprep/document_fixture.hpp"

namespace opaline::services::dataprep {
namespace {

TEST(Docx, KeepsHeadingsListsTablesAndCode) {
  const auto document = parsed(
      make_docx(docx_paragraph("The Report", "<w:pStyle w:val=\"Title\"/>") +
                docx_paragraph("Eins", "<w:pStyle w:val=\"berschrift1\"/>") +
                docx_paragraph("Text &amp; more.") +
                docx_paragraph("Zwei", "<w:pStyle w:val=\"Sub\"/>") +
                docx_paragraph("first",
                               "<w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"1\"/></w:numPr>") +
                docx_paragraph("inner",
                               "<w:numPr><w:ilvl w:val=\"1\"/><w:numId w:val=\"1\"/></w:numPr>") +
                docx_paragraph("second",
                               "<w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"1\"/></w:numPr>") +
                docx_paragraph("a = 1", "<w:pStyle w:val=\"Code\"/>") +
                docx_paragraph("  b = 2", "<w:pStyle w:val=\"Code\"/>") + "<w:tbl><w:tr><w:tc>" +
                docx_paragraph("Name") + "</w:tc><w:tc>" + docx_paragraph("Size") +
                "</w:tc></w:tr><w:tr><w:tc>" + docx_paragraph("Bolt") + "</w:tc><w:tc>" +
                docx_paragraph("8") + "</w:tc></w:tr></w:tbl>"),
      "report.docx");
  EXPECT_EQ(document.title, "The Report");
  EXPECT_EQ(document.mime,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
  EXPECT_EQ(outline(document),
            "heading1: The Report\nheading1: Eins\nparagraph: Text & more.\nheading2: Zwei\nitem: "
            "1. first\nitem1:   - inner\n"
            "item: 2. second\ncode: a = 1\\n  b = 2\nheader: Name | Size\nrow: Bolt | 8\n");
}

TEST(Docx, LeavesOutDeletedAndHiddenText) {
  const auto document =
      parsed(make_docx("<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>x</"
                       "w:delText><w:t>gone</w:t></w:r></w:del>"
                       "<w:ins><w:r><w:t xml:space=\"preserve\"> new</w:t></w:r></w:ins>"
                       "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r></w:p>"),
             "a.docx");
  EXPECT_EQ(document.text, "kept new");
}

TEST(Docx, ReadsNotesAndItsOwnTitle) {
  const auto document =
      parsed(make_docx(docx_paragraph("Body"),
                       {{"docProps/core.xml",
                         "<cp:coreProperties xmlns:cp=\"c\" "
                         "xmlns:dc=\"d\"><dc:title>Core</dc:title></cp:coreProperties>"},
                        {"word/footnotes.xml",
                         "<w:footnotes xmlns:w=\"w\"><w:footnote><w:p><w:r><w:t>A "
                         "note.</w:t></w:r></w:p></w:footnote></w:footnotes>"}}),
             "a.docx");
  EXPECT_EQ(document.title, "Core");
  EXPECT_EQ(outline(document), "paragraph: Body\nparagraph: A note.\n");
}

TEST(Docx, ExpandsNoEntities) {
  std::string bomb =
      "<?xml version=\"1.0\"?><!DOCTYPE d [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">"
      "<!ENTITY x SYSTEM \"file:///etc/passwd\">]><w:document xmlns:w=\"w\"><w:body><w:p><w:r>"
      "<w:t>[&b;][&x;]</w:t></w:r></w:p></w:body></w:document>";
  const auto document = parsed(make_zip({{"word/document.xml", bomb}}), "a.docx");
  EXPECT_EQ(document.text, "[&b;][&x;]");
}

TEST(Docx, RefusesABomb) {
  const std::string zeros(40U << 20, ' ');
  EXPECT_EQ(parse_error(make_zip({{"word/document.xml", zeros}}), "a.docx"),
            "unpacks to more than 150 times its size (a ZIP bomb?)");
  ArchiveEntries many;
  for (int i = 0; i < 10'100; ++i) many.emplace_back(fmt::format("f{}", i), "");
  EXPECT_EQ(parse_error(make_zip(many), "a.docx"), "is an archive of more than 10000 files");
}

TEST(Docx, NamesOtherArchives) {
  EXPECT_EQ(parse_error(make_zip({{"xl/workbook.xml", "<x/>"}}), "a.xlsx"),
            "is not a supported document (looks like an Excel workbook; save it as CSV)");
  EXPECT_EQ(parse_error(make_zip({{"ppt/presentation.xml", "<x/>"}}), "a.pptx"),
            "is not a supported document (looks like a PowerPoint presentation; save it as PDF)");
  EXPECT_EQ(parse_error(make_zip({{"../../etc/passwd", "x"}}), "a.docx"),
            "is not a supported document (looks like a ZIP archive; unpack it first)");
}

TEST(Docx, SurvivesDamage) {
  const std::string whole = make_docx(docx_paragraph("Some text"));
  for (std::size_t cut = 4; cut < whole.size(); cut += 7) {
    static_cast<void>(parse(std::string_view(whole).substr(0, cut), {.source = "a.docx"}));
    std::string flipped = whole;
    flipped[cut] = static_cast<char>(flipped[cut] ^ 0x55);
    static_cast<void>(parse(flipped, {.source = "a.docx"}));
  }
  EXPECT_EQ(parse_error("PK\x03\x04 nothing", "a.docx"), "is a damaged ZIP archive");
}

TEST(Docx, ReadsDeeplyNestedContent) {
  std::string body;
  for (int i = 0; i < 5000; ++i) body += "<w:sdt><w:sdtContent>";
  body += docx_paragraph("deep");
  for (int i = 0; i < 5000; ++i) body += "</w:sdtContent></w:sdt>";
  EXPECT_EQ(parsed(make_docx(docx_paragraph("top") + body), "a.docx").text, "top");
}

}  // namespace
}  // namespace opaline::services::dataprep
