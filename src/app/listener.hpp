#pragma once

#include "app/settings.hpp"
#include "http/server.hpp"

namespace opaline::app {

/// The part of a server's settings that the options decide, with `port` where they do not.
[[nodiscard]] http::ServerSettings server_settings(const ListenOptions& options,
                                                   const std::string& host, std::uint16_t port);

/// "http://host:port" as a person would type it (0.0.0.0 becomes 127.0.0.1).
[[nodiscard]] std::string url_of(const std::string& host, std::uint16_t port);

}  // namespace opaline::app
