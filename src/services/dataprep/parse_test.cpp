#include "services/dataprep/parse.hpp"

#include "services/dataprep/document_fixture.hpp"
#include "services/dataprep/media_type.hpp"

namespace opaline::services::dataprep {
namespace {

using namespace std::string_literals;

TEST(Parse, RefusesAnEmptyFile) { EXPECT_EQ(parse_error("", "a.txt"), "is empty"); }

TEST(Parse, NamesWhatItCannotRead) {
  struct Case {
    std::string bytes;
    std::string_view looks_like;
  };
  const Case cases[] = {
      {"\x89PNG\r\n\x1A\n\0\0\0\rIHDR"s, "a PNG image"},
      {"\xFF\xD8\xFF\xE0"s, "a JPEG image"},
      {"GIF89a\1\0\1"s, "a GIF image"},
      {"\x7F"
       "ELF\2\1\1"s,
       "a program"},
      {"\x1F\x8B\x08\0"s, "a gzip archive"},
      {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"s, "an old Office document; save it as .docx or PDF"},
      {"{\\rtf1\\ansi hello}"s, "a rich text document; save it as .docx or PDF"},
      {"SQLite format 3\0"s, "a SQLite database"},
      {"\0\0\0\x18"
       "ftypmp42"s,
       "a media file"},
      {"\1\2\3\4\5\6\0\1\2\3"s, "binary data"}};
  for (const Case& one : cases) {
    // Whatever the name claims.
    EXPECT_EQ(parse_error(one.bytes, "a.txt"),
              fmt::format("is not a supported document (looks like {})", one.looks_like));
  }
}

TEST(Parse, BelievesTheContentRatherThanTheName) {
  EXPECT_EQ(parsed("<!DOCTYPE html><p>x", "a.txt").mime, "text/html");
  EXPECT_EQ(parsed("{\"a\": 1}", "a.html", "text/html").mime, "application/json");
  EXPECT_EQ(parsed(make_pdf({"x y z"}), "a.docx").mime, "application/pdf");
  EXPECT_EQ(parsed("a,b\n1,2\n", "export").mime, "text/csv");
  EXPECT_EQ(parsed("BMW is a car maker", "a.txt").mime, "text/plain");
  EXPECT_EQ(parsed("[1] A reference, which is no JSON", "a.txt").mime, "text/plain");
}

TEST(Parse, BelievesTheClaimWhereContentDoesNotTell) {
  EXPECT_EQ(parsed("plain words", "x", "text/markdown; charset=utf-8").mime, "text/markdown");
  EXPECT_EQ(parsed("one,two", "x", "text/csv").mime, "text/csv");
  EXPECT_EQ(parsed("<p>short", "x", "text/html").mime, "text/html");
}

TEST(Parse, RepairsInvalidUtf8AndSaysSo) {
  const auto document = parsed(
      "Gr\xC3\xBC\xC3\x9F"
      "e, \xC3\xA4\xC3\xB6\xC3\xBC, na\xC3\xAFve caf\xC3\xA9, \xC3\xA9t\xC3\xA9, "
      "\xC3\xB1\xC3\xB1\xC3\xB1 and one bad byte: \xFF.",
      "a.txt");
  EXPECT_TRUE(document.text.ends_with("one bad byte: \xEF\xBF\xBD."));
  ASSERT_EQ(document.warnings.size(), 1U);
  EXPECT_EQ(document.warnings[0], "some bytes are not valid UTF-8 and were replaced");
}

TEST(Parse, ReadsOtherEncodings) {
  EXPECT_EQ(parsed("\xFF\xFEH\0i\0 \0\xFC\0"s, "a.txt").text, "Hi ü");
  EXPECT_EQ(parsed("\xFE\xFF\0H\0i"s, "a.txt").text, "Hi");
  EXPECT_EQ(parsed("H\0e\0l\0l\0o\0 \0t\0h\0e\0r\0e\0"s, "a.txt").text, "Hello there");
  EXPECT_EQ(parsed("\xEF\xBB\xBFmarked", "a.txt").text, "marked");
  EXPECT_EQ(parsed("Der Stra\xDF"
                   "enbau in M\xFCnchen kostet 5 \x80.",
                   "a.txt")
                .text,
            "Der Straßenbau in München kostet 5 €.");
}

TEST(Parse, NeverKeepsNulBytes) {
  std::string text = "words and words and words";
  for (int i = 0; i < 6; ++i) text += text;
  text += "\0tail"s;
  EXPECT_TRUE(parsed(text, "a.txt").text.ends_with("wordstail"));
}

TEST(MediaType, FindsExtensionAndStem) {
  EXPECT_EQ(extension("dir.x/File.PDF"), "pdf");
  EXPECT_EQ(extension("https://h.com/a/b.html?q=a.txt#c.d"), "html");
  EXPECT_EQ(extension(".bashrc"), "");
  EXPECT_EQ(stem("dir/my file.tar.gz"), "my file.tar");
  EXPECT_EQ(stem("https://h.com/docs/"), "docs");
}

}  // namespace
}  // namespace opaline::services::dataprep
