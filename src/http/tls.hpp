#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "base/task.hpp"

namespace opaline::http {

/// Which certificates to believe: the system's authorities (or SSL_CERT_FILE's). Any thread, once
/// made.
class TlsTrust {
 public:
  [[nodiscard]] static base::Result<std::unique_ptr<TlsTrust>> system();
  ~TlsTrust();

 private:
  friend class TlsStream;
  struct Settings;
  explicit TlsTrust(std::unique_ptr<Settings> settings);
  std::unique_ptr<Settings> settings_;
};

/// TLS 1.2 or 1.3 over a connected socket, as its client. The peer must prove to be `host`.
class TlsStream {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using Outcome = std::pair<boost::system::error_code, std::size_t>;

  /// @param socket outlives the stream; `trust` need not.
  TlsStream(Socket& socket, const TlsTrust& trust, std::string host);
  ~TlsStream();

  /// @error unavailable: with the reason, e.g. that the certificate is for another name.
  base::Task<base::Result<void>> handshake();
  /// Sends all of it.
  base::Task<Outcome> write(std::string_view first, std::string_view second);
  base::Task<Outcome> read_some(std::span<char> room);

 private:
  struct Stream;
  std::string host_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace opaline::http
