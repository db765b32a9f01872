#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace opaline::services::dataprep {

/// A document's name as it is stored: a relative path with '/' between its parts, or an http(s)
/// URL. It is a name only and never opened as a file. A leading "./" goes and '\' becomes '/'.
/// @error invalid_argument, quoting the name: empty, too long, absolute, with "..", with control
/// characters, not UTF-8.
[[nodiscard]] base::Result<std::string> source_name(std::string_view name);

/// @error invalid_argument: the name of no collection: empty, longer than 128 bytes, reserved
/// ("all"), or with control characters.
[[nodiscard]] base::Result<void> check_collection(std::string_view name);

/// Text for an error message: control characters shown as "?", cut.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace opaline::services::dataprep
