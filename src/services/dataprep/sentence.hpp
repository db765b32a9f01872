#pragma once

#include <cstddef>
#include <string_view>

namespace opaline::services::dataprep {

/// Where lines end a thought (records, code) and where they are only wrapped (prose).
enum class LineEnds { wrapped, final };

/// Bytes from the start of `text` up to and with its first sentence and the white space after it;
/// text.size() when it has but one. A full stop ends a sentence when a capital, digit, quote or
/// another script follows, and no abbreviation or initial stands before it.
[[nodiscard]] std::size_t first_sentence(std::string_view text, LineEnds lines);

}  // namespace opaline::services::dataprep
