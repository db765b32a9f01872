#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "http/endpoint.hpp"
#include "http/gathered_write.hpp"
#include "http/input_buffer.hpp"
#include "http/timeouts.hpp"
#include "http/tls.hpp"

namespace opaline::http {

/// One connection to a server, plain or under TLS, that moves bytes. It is lent to one exchange at
/// a time (begin … end), whose deadline and cancellation close it under every operation. Its loop's
/// thread only.
class ClientConnection {
 public:
  /// @param timeouts outlives the connection.
  ClientConnection(boost::asio::any_io_executor executor, Timeouts& timeouts, Endpoint endpoint);
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  /// Starts an exchange. @error cancelled, deadline_exceeded: already.
  [[nodiscard]] base::Result<void> begin(const base::Context& context);
  /// The exchange ended well.
  void end();

  /// Within limits::kConnectTime. @param tls_trust whom to believe; needed under https only.
  /// @error unavailable: nobody there, or not who the certificate says; cancelled;
  /// deadline_exceeded.
  base::Task<base::Result<void>> connect(const TlsTrust* tls_trust);
  /// Sends `head` and `body`, which must stay where they are until the task ends.
  base::Task<base::Result<void>> write(const std::string* head, const std::string* body);
  /// Waits for more input. @return false when the server sends no more.
  base::Task<base::Result<bool>> read(std::size_t capacity);

  [[nodiscard]] InputBuffer& input() { return input_; }
  /// Nothing came and nobody closed since the last exchange: fit for another one.
  [[nodiscard]] bool reusable() const;
  /// Idle for longer than limits::kPooledTime.
  [[nodiscard]] bool too_old() const;
  [[nodiscard]] bool stopped() const { return stop_ != Stop::none; }
  /// Whether any byte of this exchange has left.
  [[nodiscard]] bool wrote() const { return wrote_; }
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

  /// `what` happened on this connection, as an error: the deadline's or the cancellation's when
  /// they were the cause.
  [[nodiscard]] base::Error failure(std::string_view what, std::string detail = {}) const;

 private:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using Address = boost::asio::generic::stream_protocol::endpoint;
  enum class Stop { none, cancelled, deadline, connect_time };
  struct Lookup;

  base::Task<base::Result<std::vector<Address>>> resolve();
  void stop(Stop reason);
  void refresh_deadline();

  boost::asio::any_io_executor executor_;
  Endpoint endpoint_;
  Socket socket_;
  std::unique_ptr<TlsStream> tls_;  // Over socket_.
  Timeouts::Entry timeout_;
  base::Cancellation::Registration cancellation_;
  std::chrono::steady_clock::time_point deadline_;
  std::chrono::steady_clock::time_point idle_since_;
  InputBuffer input_;
  GatheredWrite outgoing_;
  std::shared_ptr<Lookup>
      lookup_;  // Shared with the resolver's callback, which may come after we have given up.
  Stop stop_ = Stop::none;
  bool connecting_ = false;
  bool wrote_ = false;
};

}  // namespace opaline::http
