#pragma once

#include <string>
#include <string_view>
#include <variant>

namespace opaline::services::dataprep {

/// The formats that Opaline reads. `zip` has yet to prove that it is a Word document.
enum class Format { html, markdown, text, pdf, zip, csv, json, json_lines };

/// Something else, named for people: "a PNG image".
struct Unsupported {
  std::string name;
};

/// The format by its first bytes, for those that have a signature; `Format::text` for all that may
/// be text.
[[nodiscard]] std::variant<Format, Unsupported> detect_binary(std::string_view bytes);

/// Which text format `text` (UTF-8) has: by what is in it; name and claimed type decide between
/// Markdown and plain text and for tables and pages too short to tell.
[[nodiscard]] Format detect_text(std::string_view text, std::string_view claimed_mime,
                                 std::string_view source);

/// "text/html", …
[[nodiscard]] std::string_view mime(Format format);

/// Lower-case extension without the dot of a path or URL; "" without one.
[[nodiscard]] std::string extension(std::string_view source);
/// The last part of a path or URL, without query and extension: a title of last resort.
[[nodiscard]] std::string stem(std::string_view source);

}  // namespace opaline::services::dataprep
