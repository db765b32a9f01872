/// @file
/// A running server.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace opaline {

namespace detail {
struct ServerState;
}

/// A service or a megaservice that listens, until it is stopped or destroyed. Besides its own
/// endpoint it has /health, /healthz, /readyz, /v1/health_check, /metrics, /v1/statistics,
/// /openapi.json and /docs.
class Server {
 public:
  /// Takes over the server of `other`.
  Server(Server&& other) noexcept;
  /// Stops this server and takes over that of `other`.
  Server& operator=(Server&& other) noexcept;
  /// stop(), with a second of grace.
  ~Server();

  /// The port that it listens on.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// "http://127.0.0.1:8080".
  [[nodiscard]] const std::string& url() const noexcept;
  /// Blocks until SIGINT or SIGTERM, then stops with ten seconds of grace.
  void wait();
  /// Stops accepting, lets running requests end for `grace`, and cancels the rest. Later calls do
  /// nothing.
  void stop(std::chrono::milliseconds grace);

  /// Not for applications.
  explicit Server(std::unique_ptr<detail::ServerState> state) noexcept;

 private:
  std::unique_ptr<detail::ServerState> state_;
};

}  // namespace opaline
