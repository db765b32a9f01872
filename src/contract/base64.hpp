#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace opaline::contract {

/// Floats as RFC 4648 base64 of their little-endian bytes: the `encoding_format: "base64"` of
/// OpenAI's embeddings.
[[nodiscard]] std::string base64_of_floats(std::span<const float> numbers);
/// The floats again; nothing when the text is no padded base64 of whole floats.
[[nodiscard]] std::optional<std::vector<float>> floats_of_base64(std::string_view text);

}  // namespace opaline::contract
