#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace opaline::contract {

/// Bytes as Python's repr(bytes) writes them: b'…', or b"…" when they hold ' and no ".
[[nodiscard]] std::string python_bytes(std::string_view bytes);
/// The bytes that python_bytes() wrote; nothing when `text` is no such literal.
[[nodiscard]] std::optional<std::string> read_python_bytes(std::string_view text);
/// One event of OPEA's /v1/chatqna stream: "data: b'…'\n\n". The stream ends with
/// ChatChunks::kDone.
[[nodiscard]] std::string chatqna_event(std::string_view piece);

}  // namespace opaline::contract
