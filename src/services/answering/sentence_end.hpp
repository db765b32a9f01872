#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace opaline::services {

/// Where the sentence ends whose terminator may stand at `at`: after the quotes and brackets that
/// it closes. Nothing where none ends: inside numbers and names, after usual abbreviations, before
/// a lower-case letter.
[[nodiscard]] std::optional<std::size_t> find_sentence_end(std::string_view text, std::size_t at);

/// Whether `line` ends as a sentence does, and does not begin as code or a comment in it does.
[[nodiscard]] bool ends_sentence(std::string_view line);

/// Bytes up to and with the first sentence end of `text` that is followed by something else; 0 when
/// there is none yet.
[[nodiscard]] std::size_t sentence_end(std::string_view text);

}  // namespace opaline::services
