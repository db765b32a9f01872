#include "http/tls.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
// The one place where Asio's TLS code is compiled.
#include <boost/asio/ssl/impl/src.hpp>

namespace opaline::http {

namespace asio = boost::asio;

namespace {
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
}

struct TlsTrust::Settings {
  // Asio reads it only, but takes it as mutable.
  mutable asio::ssl::context context{asio::ssl::context::tls_client};
};

struct TlsStream::Stream {
  asio::ssl::stream<Socket&> tls;
};

base::Result<std::unique_ptr<TlsTrust>> TlsTrust::system() {
  auto settings = std::make_unique<Settings>();
  boost::system::error_code error;
  settings->context.set_default_verify_paths(error);
  if (!error) settings->context.set_verify_mode(asio::ssl::verify_peer, error);
  if (error ||
      ::SSL_CTX_set_min_proto_version(settings->context.native_handle(), TLS1_2_VERSION) != 1) {
    return base::fail(base::ErrorCode::unavailable,
                      "The system's certificate authorities cannot be read.", error.message());
  }
  return std::unique_ptr<TlsTrust>(new TlsTrust(std::move(settings)));
}

TlsTrust::TlsTrust(std::unique_ptr<Settings> settings) : settings_(std::move(settings)) {}
TlsTrust::~TlsTrust() = default;

TlsStream::TlsStream(Socket& socket, const TlsTrust& trust, std::string host)
    : host_(std::move(host)),
      stream_(
          std::make_unique<Stream>(asio::ssl::stream<Socket&>(socket, trust.settings_->context))) {}
TlsStream::~TlsStream() = default;

base::Task<base::Result<void>> TlsStream::handshake() {
  boost::system::error_code error;
  stream_->tls.set_verify_callback(asio::ssl::host_name_verification(host_), error);
  boost::system::error_code is_name;
  asio::ip::make_address(host_, is_name);
  // Server name indication is for names only.
  const bool named =
      !is_name || SSL_set_tlsext_host_name(stream_->tls.native_handle(), host_.c_str()) == 1;
  if (error || !named) {
    co_return base::fail(base::ErrorCode::unavailable, "TLS cannot be set up.", error.message());
  }
  auto [failed] = co_await stream_->tls.async_handshake(asio::ssl::stream_base::client, kAwait);
  if (!failed) co_return base::Result<void>();
  std::string why = failed.message();
  if (const long verified = ::SSL_get_verify_result(stream_->tls.native_handle());
      verified != X509_V_OK) {
    why = ::X509_verify_cert_error_string(verified);
  }
  co_return base::fail(base::ErrorCode::unavailable, std::move(why));
}

base::Task<TlsStream::Outcome> TlsStream::write(std::string_view first, std::string_view second) {
  const std::array<asio::const_buffer, 2> pieces = {asio::buffer(first), asio::buffer(second)};
  auto [error, bytes] = co_await asio::async_write(stream_->tls, pieces, kAwait);
  co_return Outcome(error, bytes);
}

base::Task<TlsStream::Outcome> TlsStream::read_some(std::span<char> room) {
  auto [error, bytes] =
      co_await stream_->tls.async_read_some(asio::buffer(room.data(), room.size()), kAwait);
  co_return Outcome(error, bytes);
}

}  // namespace opaline::http
