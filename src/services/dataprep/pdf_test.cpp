#include "services/dataprep/document_fixture.hpp"
#include "services/dataprep/formats.hpp"

namespace opaline::services::dataprep {
namespace {

std::string pdf_error(PdfText text) {
  DocumentWriter out;
  const auto result = parse_pdf(text, out);
  return result ? "no error" : result.error().message;
}

TEST(Pdf, KeepsTextTitleAndPages) {
  const auto document =
      parsed(make_pdf({"Hello <world> & all", "Second page here"}, "My report"), "x.pdf");
  EXPECT_EQ(document.title, "My report");
  EXPECT_EQ(document.mime, "application/pdf");
  EXPECT_EQ(outline(document), "paragraph@1: Hello <world> & all\nparagraph@2: Second page here\n");
}

TEST(Pdf, JoinsLinesAndPartedWords) {
  const auto document =
      parsed(make_pdf({"A long sentence that is bro-\nken over lines,\nand ends."}), "x.pdf");
  EXPECT_EQ(document.text, "A long sentence that is broken over lines, and ends.");
  EXPECT_EQ(document.title, "x");
}

TEST(Pdf, DropsRunningHeadersAndFooters) {
  std::string output = "<title>T t t</title><body>\n<pre>\n";
  const char* words[] = {"one", "two", "three", "four", "five"};
  for (int page = 1; page <= 5; ++page) {
    output += fmt::format(
        "ACME Manual\n\n{} Chapter {}\n\nText of page {} in words.\n\nPage {} of 5\n\n\f", page,
        words[page - 1], words[page - 1], page);
  }
  DocumentWriter out;
  ASSERT_TRUE(parse_pdf({.output = output + "</pre>"}, out).has_value());
  const auto document = std::move(out).finish("application/pdf", "x");
  EXPECT_FALSE(document.text.contains("ACME"));
  EXPECT_FALSE(document.text.contains("of 5"));
  EXPECT_TRUE(document.text.starts_with("1 Chapter one\n\nText of page one in words."));
  EXPECT_EQ(document.blocks[0].kind, BlockKind::heading);
  EXPECT_EQ(document.blocks.back().page, 5U);
}

TEST(Pdf, WarnsOfPagesWithoutText) {
  const auto document = parsed(make_pdf({"Text", "", "More"}), "x.pdf");
  ASSERT_EQ(document.warnings.size(), 1U);
  EXPECT_EQ(document.warnings[0], "1 page has no text (scanned?)");
  EXPECT_EQ(document.blocks.back().page, 3U);
}

TEST(Pdf, WithoutTextNeedsOcr) {
  EXPECT_EQ(parse_error(make_pdf({"", ""}), "x.pdf"), "has no text (scanned pages need OCR)");
}

TEST(Pdf, SaysWhyItCannotBeRead) {
  EXPECT_EQ(pdf_error({.errors = "Command Line Error: Incorrect password\n", .exit_status = 1}),
            "is password-protected");
  EXPECT_EQ(pdf_error({
                .exit_status = 3,
            }),
            "is a damaged PDF file");
  EXPECT_EQ(pdf_error({.exit_status = -1}),
            "is a PDF file that could not be read within the limits of time and memory");
  EXPECT_EQ(parse_error("%PDF-1.4 and then nothing", "x.pdf"), "is a damaged PDF file");
}

TEST(Pdf, EncryptedWithAPasswordIsRefused) {
  // Standard security, revision 2, with key entries that no empty password opens.
  std::string pdf = make_pdf({"secret"});
  const std::string entries(64, '4');
  const auto trailer = pdf.find("/Root 1 0 R");
  pdf.insert(trailer, "/ID[<" + std::string(32, '1') + "><" + std::string(32, '1') +
                          ">]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<" + entries + ">/U<" +
                          entries + ">>>");
  EXPECT_EQ(parse_error(pdf, "x.pdf"), "is password-protected");
}

TEST(Pdf, FilesOfProgramsAreNoTitles) {
  EXPECT_EQ(parsed(make_pdf({"Some text"}, "Microsoft Word - draft7.doc"), "plan.pdf").title,
            "plan");
}

}  // namespace
}  // namespace opaline::services::dataprep
