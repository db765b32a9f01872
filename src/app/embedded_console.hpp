#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "gateway/console_files.hpp"

namespace opaline::app {

/// A file of console/dist as the build put it into the binary.
struct EmbeddedFile {
  std::string_view path;  ///< "/index.html".
  std::string_view content_type;
  std::string_view etag;  ///< With its quotes.
  const unsigned char* bytes;
  std::size_t size;
};
[[nodiscard]] std::span<const EmbeddedFile> embedded_files();

/// The console as the gateway asks for it.
[[nodiscard]] gateway::ConsoleFiles embedded_console();

}  // namespace opaline::app
