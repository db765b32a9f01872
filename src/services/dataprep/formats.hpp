#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "services/dataprep/parse.hpp"
#include "services/dataprep/parsed_document.hpp"

/// One function a format: each adds the blocks of `text` (UTF-8, '\n' line ends) or `bytes` to
/// `out`. Errors as parse().
namespace opaline::services::dataprep {

/// Headings, paragraphs, lists, definition lists, tables and code; without scripts, styles and
/// navigation.
[[nodiscard]] base::Result<void> parse_html(std::string_view text, DocumentWriter& out);
/// The body of an HTML fragment, as it stands in Markdown.
[[nodiscard]] base::Result<void> parse_html_fragment(std::string_view text, DocumentWriter& out);
/// The character set that an HTML page declares in its first 4 KiB; "" when it does not.
[[nodiscard]] std::string declared_charset(std::string_view bytes);

[[nodiscard]] base::Result<void> parse_markdown(std::string_view text, DocumentWriter& out);
[[nodiscard]] base::Result<void> parse_plain_text(std::string_view text, DocumentWriter& out);
[[nodiscard]] base::Result<void> parse_pdf(const PdfText& pdf, DocumentWriter& out);
/// @error invalid_argument also: "looks like an Excel workbook", "looks like a ZIP archive".
[[nodiscard]] base::Result<void> parse_docx(std::string_view bytes, DocumentWriter& out);

/// The delimiter of `text` if it is a table of at least two columns, else nothing.
[[nodiscard]] std::optional<char> csv_delimiter(std::string_view text);
[[nodiscard]] base::Result<void> parse_csv(std::string_view text, char delimiter,
                                           DocumentWriter& out);

[[nodiscard]] base::Result<void> parse_json(std::string_view text, DocumentWriter& out);
/// One record a line. @error invalid_argument: the first line is not JSON. Later bad lines are
/// warnings.
[[nodiscard]] base::Result<void> parse_json_lines(std::string_view text, DocumentWriter& out);

}  // namespace opaline::services::dataprep
