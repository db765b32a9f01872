#pragma once

#include <string>
#include <string_view>

namespace opaline::engine {

/// `text` with each word of more than 100 ASCII letters and digits (a hash, a base64 blob) replaced
/// by one that no vocabulary holds: BERT's tokenizer takes such a word as a single [UNK],
/// llama.cpp's would fill the window with pieces.
[[nodiscard]] std::string without_long_words(std::string_view text);

}  // namespace opaline::engine
