#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "http/message.hpp"

namespace opaline::gateway {

/// A file of the web console, inside the binary.
struct ConsoleFile {
  std::string_view content_type;
  std::string_view bytes;
  std::string_view etag;  ///< With its quotes.
};
/// The file of a path ("/index.html", "/assets/app-3f2a.js"), or nothing.
using ConsoleFiles = std::function<std::optional<ConsoleFile>(std::string_view path)>;

/// Answers a GET of a console path: "/" is /index.html, and so is any path without a file that a
/// browser asks for as a page (the console routes by itself), except below /v1/. Files below
/// /assets/ carry their hash in their name and may be kept for ever; the others are asked for again
/// by their ETag. @return nothing: no such file.
[[nodiscard]] std::optional<http::Response> console_reply(const ConsoleFiles& files,
                                                          const http::Request& request);

}  // namespace opaline::gateway
