#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/context.hpp"
#include "base/limits.hpp"
#include "base/metric.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "http/message.hpp"

namespace opaline::http {

/// What one request may cost, decided after its header and before its body.
struct RequestLimits {
  std::size_t body_bytes = limits::kBodyBytes;
  /// From the body's end to the reply's: the context's deadline. When it passes, the cancellation
  /// is requested too.
  std::chrono::steady_clock::duration time = limits::kRequestTime;
};

/// How long a connection may take over each part of its life.
struct ConnectionTimes {
  using Duration = std::chrono::steady_clock::duration;
  Duration header = limits::kHeaderTime;  ///< From a request's first byte to the end of its header.
  Duration body = limits::kBodyTime;      ///< From there to the body's end.
  Duration body_idle = limits::kBodyIdleTime;  ///< Between two reads of a body.
  Duration idle = limits::kIdleTime;           ///< Keep-alive without a request.
  Duration write =
      limits::kWriteTime;  ///< For a client to take limits::kWriteSliceBytes of a reply.
  Duration linger = limits::kLingerTime;  ///< Reading on after a refusal.
};

/// Answers one request, on its I/O thread. `context.cancellation` is requested when the client
/// leaves or the server stops; what the handler throws becomes a plain 500 and a log line, and the
/// server lives on.
using Handler = std::function<base::Task<Response>(Request, base::Context)>;

struct ServerSettings {
  std::string host = "127.0.0.1";  ///< Address to bind; "0.0.0.0" for all.
  std::uint16_t port = 8080;       ///< 0: any free port, see Server::port().
  std::string
      unix_socket;  ///< Instead of host and port: a path (mode 0600; a stale file is replaced).
  std::size_t threads =
      0;  ///< I/O threads, each with its own loop and listening socket; 0: one a core.
  std::size_t connections = limits::kConnections;  ///< What comes on top is told 503.
  ConnectionTimes times;
  /// Called on the I/O thread with method, path and headers, before the body is read. Empty: the
  /// defaults for all.
  std::function<RequestLimits(const Request&)> limits_for;
  /// Writes the reply to a request that never reaches the handler (bad framing, too large, too
  /// slow): the HTTP status, an error and a request id. Empty: a small JSON object of our own.
  std::function<Response(unsigned status, const base::Error&, const std::string& request_id)>
      refuse;
  std::string server_name = "opaline";  ///< The Server header.
};

/// An HTTP/1.1 server: keep-alive, chunked, streams, limits on everything, hostile framing refused
/// (framing_guard).
///
/// A connection and its requests stay on one I/O thread. While a handler runs, the socket is
/// watched: when the peer closes, the request's cancellation is requested within milliseconds.
/// TCP_NODELAY is set.
class Server {
 public:
  /// Binds and listens; nothing is accepted before start().
  /// @error failed_precondition: the port is taken (named), the address is not ours, or the socket
  /// path is not writable.
  [[nodiscard]] static base::Result<std::unique_ptr<Server>> create(ServerSettings settings,
                                                                    Handler handler,
                                                                    base::MetricRegistry& metrics);
  virtual ~Server() = default;

  /// Starts the I/O threads and accepts. Call once.
  virtual void start() = 0;
  /// Stops accepting, lets running requests end for `grace`, cancels the rest and joins the
  /// threads. Blocks, and as long as a handler does not heed its cancellation; idempotent.
  virtual void stop(std::chrono::steady_clock::duration grace) = 0;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
};

}  // namespace opaline::http
