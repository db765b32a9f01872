#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/dataprep/parse.hpp"
#include "services/dataprep/parsed_document.hpp"

/// Documents that tests make, and a way to look at what became of them. For tests of this folder
/// only.
namespace opaline::services::dataprep {

using ArchiveEntries = std::vector<std::pair<std::string, std::string>>;

inline std::string make_zip(const ArchiveEntries& entries) {
  std::string bytes(4 << 20, '\0');
  std::size_t used = 0;
  archive* zip = archive_write_new();
  archive_write_set_format_zip(zip);
  archive_write_open_memory(zip, bytes.data(), bytes.size(), &used);
  for (const auto& [name, content] : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_write_header(zip, entry);
    archive_write_data(zip, content.data(), content.size());
    archive_entry_free(entry);
  }
  archive_write_close(zip);
  archive_write_free(zip);
  bytes.resize(used);
  return bytes;
}

/// A Word document whose body is the given XML.
inline std::string make_docx(const std::string& body, const ArchiveEntries& more = {}) {
  constexpr std::string_view kNames =
      "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"";
  ArchiveEntries entries = {
      {"[Content_Types].xml", "<Types/>"},
      {"word/document.xml",
       fmt::format("<?xml version=\"1.0\"?><w:document {}><w:body>{}</w:body></w:document>", kNames,
                   body)},
      {"word/styles.xml",
       fmt::format(
           "<w:styles {}>"
           "<w:style w:styleId=\"Title\"><w:name w:val=\"Title\"/></w:style>"
           "<w:style w:styleId=\"berschrift1\"><w:name w:val=\"heading 1\"/></w:style>"
           "<w:style w:styleId=\"Sub\"><w:name w:val=\"Own\"/><w:basedOn w:val=\"H2\"/></w:style>"
           "<w:style w:styleId=\"H2\"><w:name w:val=\"Heading 2\"/></w:style>"
           "<w:style w:styleId=\"Code\"><w:name w:val=\"Source Code\"/></w:style>"
           "</w:styles>",
           kNames)},
      {"word/numbering.xml",
       fmt::format("<w:numbering {}><w:abstractNum w:abstractNumId=\"7\"><w:lvl "
                   "w:ilvl=\"0\"><w:numFmt w:val=\"decimal\"/></w:lvl>"
                   "<w:lvl w:ilvl=\"1\"><w:numFmt w:val=\"bullet\"/></w:lvl></w:abstractNum>"
                   "<w:num w:numId=\"1\"><w:abstractNumId w:val=\"7\"/></w:num></w:numbering>",
                   kNames)}};
  entries.insert(entries.end(), more.begin(), more.end());
  return make_zip(entries);
}

inline std::string docx_paragraph(const std::string& text, const std::string& properties = {}) {
  return fmt::format("<w:p><w:pPr>{}</w:pPr><w:r><w:t>{}</w:t></w:r></w:p>", properties, text);
}

/// A PDF file with one page for each text, whose lines stand one below the other; an empty text
/// makes an empty page.
inline std::string make_pdf(const std::vector<std::string>& pages, const std::string& title = {}) {
  std::string pdf = "%PDF-1.4\n";
  std::vector<std::size_t> offsets;
  const auto object = [&](const std::string& body) {
    offsets.push_back(pdf.size());
    pdf += fmt::format("{} 0 obj\n{}\nendobj\n", offsets.size(), body);
  };
  object("<</Type/Catalog/Pages 2 0 R>>");
  std::string kids;
  for (std::size_t i = 0; i < pages.size(); ++i) kids += fmt::format("{} 0 R ", 5 + 2 * i);
  object(fmt::format("<</Type/Pages/Kids[{}]/Count {}>>", kids, pages.size()));
  object("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>");
  object(fmt::format("<</Title({})>>", title));
  for (std::size_t i = 0; i < pages.size(); ++i) {
    object(
        fmt::format("<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {} 0 "
                    "R/Resources<</Font<</F1 3 0 R>>>>>>",
                    6 + 2 * i));
    std::string content = "BT /F1 12 Tf 72 720 Td 14 TL\n";
    std::string_view rest = pages[i];
    while (!rest.empty()) {
      const auto end = std::min(rest.find('\n'), rest.size());
      content += fmt::format("({}) Tj T*\n", rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    content += "ET";
    object(fmt::format("<</Length {}>>\nstream\n{}\nendstream", content.size(), content));
  }
  const std::size_t table = pdf.size();
  pdf += fmt::format("xref\n0 {}\n0000000000 65535 f \n", offsets.size() + 1);
  for (const std::size_t offset : offsets) pdf += fmt::format("{:010} 00000 n \n", offset);
  pdf += fmt::format("trailer\n<</Size {}/Root 1 0 R/Info 4 0 R>>\nstartxref\n{}\n%%EOF\n",
                     offsets.size() + 1, table);
  return pdf;
}

/// One line a block: its kind, its level when it has one, its text with line ends shown as "\n".
inline std::string outline(const ParsedDocument& document) {
  constexpr std::array<std::string_view, kBlockKinds> kNames = {
      "heading", "term", "header", "paragraph", "item", "row", "code", "quote"};
  std::string lines;
  for (const Block& block : document.blocks) {
    lines += kNames[static_cast<std::size_t>(block.kind)];
    if (block.level > 0) lines += std::to_string(block.level);
    if (block.page > 0) lines += fmt::format("@{}", block.page);
    lines += ": ";
    for (const char c : document.text.substr(block.begin, block.end - block.begin)) {
      if (c == '\n') {
        lines += "\\n";
      } else {
        lines += c;
      }
    }
    lines += '\n';
  }
  return lines;
}

/// The document; a failure to read it, or a broken invariant, fails the test.
inline ParsedDocument parsed(std::string_view bytes, const std::string& source,
                             const std::string& mime = {}) {
  auto document = parse(bytes, {.claimed_mime = mime, .source = source});
  EXPECT_TRUE(document.has_value()) << document.error().message << " " << document.error().detail;
  if (!document) return {};
  EXPECT_EQ(broken_invariant(*document), "");
  return std::move(*document);
}

inline std::string parse_error(std::string_view bytes, const std::string& source) {
  const auto document = parse(bytes, {.source = source});
  return document ? "no error" : document.error().message;
}

}  // namespace opaline::services::dataprep
