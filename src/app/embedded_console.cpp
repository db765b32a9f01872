#include "app/embedded_console.hpp"

namespace opaline::app {

gateway::ConsoleFiles embedded_console() {
  return [](std::string_view path) -> std::optional<gateway::ConsoleFile> {
    for (const EmbeddedFile& file : embedded_files()) {
      if (file.path != path) continue;
      return gateway::ConsoleFile{.content_type = file.content_type,
                                  .bytes = {reinterpret_cast<const char*>(file.bytes), file.size},
                                  .etag = file.etag};
    }
    return std::nullopt;
  };
}

}  // namespace opaline::app
