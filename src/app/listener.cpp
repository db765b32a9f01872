#include "app/listener.hpp"

#include <fmt/format.h>

namespace opaline::app {

http::ServerSettings server_settings(const ListenOptions& options, const std::string& host,
                                     std::uint16_t port) {
  http::ServerSettings settings;
  settings.host = options.host.value_or(host);
  settings.port = options.port.value_or(port);
  settings.threads = options.threads;
  return settings;
}

std::string url_of(const std::string& host, std::uint16_t port) {
  const bool everywhere = host == "0.0.0.0" || host == "::";
  const std::string name = everywhere                            ? "127.0.0.1"
                           : host.find(':') != std::string::npos ? "[" + host + "]"
                                                                 : host;
  return fmt::format("http://{}:{}", name, port);
}

}  // namespace opaline::app
