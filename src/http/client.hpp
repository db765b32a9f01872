#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/context.hpp"
#include "base/limits.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "http/endpoint.hpp"
#include "http/message.hpp"

namespace opaline::http {

class TlsTrust;

struct ClientRequest {
  std::string method = "POST";
  std::string path = "/";  ///< Appended to the endpoint's base path; already encoded.
  Headers headers;
  std::string body;
  /// May be sent again on a fresh connection when a pooled one dies unanswered.
  bool idempotent = false;
  std::size_t reply_bytes_max = limits::kReplyBytes;  ///< Of the whole body that send() returns.
};

struct ClientResponse {
  unsigned status = 0;
  Headers headers;
  std::string body;
};

/// A reply whose body is read as it arrives. Dropping it closes the connection unless the body was
/// read to its end.
class ClientStream {
 public:
  virtual ~ClientStream() = default;
  [[nodiscard]] virtual unsigned status() const = 0;
  [[nodiscard]] virtual const Headers& headers() const = 0;
  /// The next bytes as they came (never empty), or nothing at the body's proper end.
  /// @error unavailable: the connection broke before the end; deadline_exceeded; cancelled.
  virtual base::Task<base::Result<std::optional<std::string>>> next() = 0;
};

/// An HTTP/1.1 client with keep-alive pools, one a (server, I/O thread): no hop on the way of a
/// request. It resolves, connects within limits::kConnectTime, sends `traceparent` and
/// `x-request-id` from the context, and honours the context's deadline and cancellation on every
/// read and write; without a deadline each of them has limits::kRequestTime. Call from coroutines
/// on any I/O thread; it must outlive them.
///
/// Under https the server must present a certificate for its name by an authority the system knows
/// (SSL_CERT_FILE names others). Redirects are not followed. GET and HEAD count as idempotent.
class Client {
 public:
  Client();
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends and reads the whole reply, of any status. @error invalid_argument: the request has line
  /// ends or characters where there must be none; unavailable: refused, reset or unreadable
  /// (message names the endpoint; `unsent` when there was no connection); deadline_exceeded;
  /// cancelled; resource_exhausted: the reply is above the request's reply_bytes_max.
  base::Task<base::Result<ClientResponse>> send(Endpoint endpoint, ClientRequest request,
                                                base::Context context);
  /// Sends and returns once the reply's header is in.
  base::Task<base::Result<std::unique_ptr<ClientStream>>> open(Endpoint endpoint,
                                                               ClientRequest request,
                                                               base::Context context);

 private:
  class Exchange;
  base::Task<base::Result<std::unique_ptr<Exchange>>> start(Endpoint endpoint,
                                                            ClientRequest request,
                                                            base::Context context);
  base::Result<const TlsTrust*> tls_trust();

  std::mutex mutex_;
  std::unique_ptr<TlsTrust>
      tls_trust_;  // Made for the first https request, under mutex_; never changed then.
};

}  // namespace opaline::http
