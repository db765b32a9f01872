#include "services/dataprep/parse.hpp"

#include <fmt/format.h>

#include "base/limits.hpp"
#include "services/dataprep/formats.hpp"
#include "services/dataprep/media_type.hpp"
#include "services/dataprep/pdf_tool.hpp"
#include "services/dataprep/text_encoding.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;
using base::Result;

Result<void> parse_text(Format format, std::string_view text, DocumentWriter& out) {
  switch (format) {
    case Format::html: return parse_html(text, out);
    case Format::markdown: return parse_markdown(text, out);
    case Format::csv: return parse_csv(text, csv_delimiter(text).value_or(','), out);
    case Format::json: return parse_json(text, out);
    case Format::json_lines: return parse_json_lines(text, out);
    case Format::text: return parse_plain_text(text, out);
    case Format::pdf:
    case Format::zip: break;  // Not text: never asked for.
  }
  return base::fail(ErrorCode::internal, "is of no known format");
}

Result<Format> parse_into(std::string_view bytes, const ParseHints& hints,
                          const PdfReader& read_pdf, DocumentWriter& out) {
  const auto detected = detect_binary(bytes);
  if (const auto* other = std::get_if<Unsupported>(&detected)) {
    return base::fail(ErrorCode::invalid_argument,
                      "is not a supported document (looks like " + other->name + ")");
  }
  const Format binary = std::get<Format>(detected);
  if (binary == Format::pdf) {
    OPALINE_TRY(const PdfText pdf, read_pdf ? read_pdf(bytes) : run_pdftotext(bytes));
    OPALINE_TRY_DO(parse_pdf(pdf, out));
    return binary;
  }
  if (binary == Format::zip) {
    OPALINE_TRY_DO(parse_docx(bytes, out));
    return binary;
  }
  OPALINE_TRY(const DecodedText decoded, decode_text(bytes, declared_charset(bytes)));
  if (decoded.encoding != "UTF-8") out.warn("read as " + decoded.encoding);
  if (decoded.replaced)
    out.warn("some bytes are not valid " + decoded.encoding + " and were replaced");
  const Format format = detect_text(decoded.text, hints.claimed_mime, hints.source);
  OPALINE_TRY_DO(parse_text(format, decoded.text, out));
  return format;
}

}  // namespace

Result<ParsedDocument> parse(std::string_view bytes, const ParseHints& hints,
                             const PdfReader& read_pdf) {
  if (bytes.empty()) return base::fail(ErrorCode::invalid_argument, "is empty");
  DocumentWriter out;
  OPALINE_TRY(const Format format, parse_into(bytes, hints, read_pdf, out));
  if (out.empty()) return base::fail(ErrorCode::invalid_argument, "contains no text");
  if (out.blocks() > kBlocksMax) {
    return base::fail(ErrorCode::invalid_argument,
                      fmt::format("has more than {} paragraphs or rows", kBlocksMax));
  }
  ParsedDocument document = std::move(out).finish(mime(format), stem(hints.source));
  if (document.text.size() > limits::kDocumentTextBytes) {
    return base::fail(ErrorCode::invalid_argument, fmt::format("has more than {} MiB of text",
                                                               limits::kDocumentTextBytes >> 20));
  }
  return document;
}

}  // namespace opaline::services::dataprep
