#include "app/embedded_console.hpp"

#include "app/embedded_files.hpp"

namespace opaline::app {

gateway::ConsoleFiles embedded_console() {
  return [](std::string_view path) -> std::optional<gateway::ConsoleFile> {
    for (const EmbeddedFile& file : embedded_console_files()) {
      if (file.path != path) continue;
      return gateway::ConsoleFile{
          .content_type = file.content_type, .bytes = file.text(), .etag = file.etag};
    }
    return std::nullopt;
  };
}

}  // namespace opaline::app
