#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "services/dataprep/parsed_document.hpp"

namespace opaline::services::dataprep {

/// What pdftotext made of a PDF file.
struct PdfText {
  std::string output;   ///< HTML header with the title, then the pages, each ended by a form feed.
  std::string errors;   ///< What it wrote to stderr, cut.
  int exit_status = 0;  ///< −1: ended by a signal.
};
using PdfReader = std::function<base::Result<PdfText>(std::string_view bytes)>;

/// What parse() is told about the bytes. All of it is only a hint, but for the title of last
/// resort.
struct ParseHints {
  std::string claimed_mime;
  std::string source;  ///< File name, path or URL.
};

/// Reads a document of any supported format: HTML, Markdown, text, PDF, DOCX, CSV, JSON, JSON
/// Lines. The format is found in the bytes; the hints decide only between formats that look the
/// same. Bounded by limits::kDocumentTextBytes, kArchiveBytes and kJsonDepth, but still meant for a
/// confined process.
/// @param read_pdf called for PDF files; empty: run_pdftotext().
/// @error invalid_argument, in words that follow the document's name: "is empty", "is not a
/// supported document (looks like a PNG image)", "is password-protected", "has no text (scanned
/// pages need OCR)", "unpacks to more than …".
[[nodiscard]] base::Result<ParsedDocument> parse(std::string_view bytes, const ParseHints& hints,
                                                 const PdfReader& read_pdf = {});

}  // namespace opaline::services::dataprep
