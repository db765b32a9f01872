#pragma once

#include <string>
#include <string_view>

namespace opaline::base {

/// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, so the
/// result is always valid JSON. For the places that write JSON by hand: log lines and streamed
/// tokens.
void append_json_string(std::string& out, std::string_view text);

}  // namespace opaline::base
