#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace opaline::services::dataprep {

struct DecodedText {
  std::string text;       ///< UTF-8, without a byte order mark, line ends '\n'.
  std::string encoding;   ///< What it was, by its usual name, e.g. "UTF-8", "WINDOWS-1252".
  bool replaced = false;  ///< Some bytes had no meaning and became U+FFFD.
};

/// Brings text of any common encoding to UTF-8: by byte order mark, else UTF-8 if it is that, else
/// `declared` (the name in an HTML meta tag; may be empty), else by statistics. @error
/// invalid_argument: the bytes are no text.
[[nodiscard]] base::Result<DecodedText> decode_text(std::string_view bytes,
                                                    std::string_view declared = {});

/// Whether the bytes are text in some encoding, as far as control characters tell.
[[nodiscard]] bool looks_like_text(std::string_view bytes);

/// Loads the converters that decode_text() may need, so that it works after the process has lost
/// the right to open files.
void load_converters();

}  // namespace opaline::services::dataprep
