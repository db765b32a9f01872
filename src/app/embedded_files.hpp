#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace opaline::app {

/// A file that the build put into the binary (tools/embed_files.py).
struct EmbeddedFile {
  std::string_view path;  ///< "/index.html".
  std::string_view content_type;
  std::string_view etag;  ///< With its quotes.
  const unsigned char* bytes;
  std::size_t size;

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes), size};
  }
};

/// console/dist.
[[nodiscard]] std::span<const EmbeddedFile> embedded_console_files();
/// examples/services: "/python/shout/shout.py".
[[nodiscard]] std::span<const EmbeddedFile> embedded_service_files();

}  // namespace opaline::app
