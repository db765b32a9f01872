#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace opaline::base {

/// Length in bytes of the well-formed UTF-8 sequence at the start of `text` (1 … 4), 0 when there
/// is none (Unicode 15, table 3-7: overlong forms, surrogates and values above U+10FFFF are not
/// well formed).
[[nodiscard]] std::size_t utf8_sequence(std::string_view text);
[[nodiscard]] bool is_utf8(std::string_view text);
/// Code points in well-formed `text`; each byte that is not part of one counts as one.
[[nodiscard]] std::size_t utf8_length(std::string_view text);
/// `text` with every ill-formed byte replaced by U+FFFD.
[[nodiscard]] std::string to_utf8(std::string_view text);
/// The longest prefix of at most `bytes` bytes that does not cut a code point in two.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t bytes);

}  // namespace opaline::base
