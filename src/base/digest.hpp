#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace opaline::base {

/// SHA-256 as 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);
/// The same of a file, read in blocks. @error not_found, unavailable: it cannot be read.
[[nodiscard]] Result<std::string> sha256_file_hex(const std::filesystem::path& file);

}  // namespace opaline::base
