#include "http/client_connection.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <tuple>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"

namespace opaline::http {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

namespace {
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
}

/// A name being looked up. The system's resolver cannot be interrupted, so whoever waits for it
/// must be able to leave.
struct ClientConnection::Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor) {}

  asio::ip::tcp::resolver resolver;
  boost::system::error_code error;
  std::vector<Address> addresses;
  std::move_only_function<void()> waiter;
};

ClientConnection::ClientConnection(asio::any_io_executor executor, Timeouts& timeouts,
                                   Endpoint endpoint)
    : executor_(std::move(executor)),
      endpoint_(std::move(endpoint)),
      socket_(executor_),
      timeout_(timeouts, [this] {
        stop(connecting_ && Clock::now() < deadline_ ? Stop::connect_time : Stop::deadline);
      }) {}

ClientConnection::~ClientConnection() = default;

base::Result<void> ClientConnection::begin(const base::Context& context) {
  stop_ = Stop::none;
  wrote_ = false;
  deadline_ = context.deadline;
  if (context.cancelled()) stop_ = Stop::cancelled;
  if (context.expired()) stop_ = Stop::deadline;
  if (stopped()) return base::fail(failure("was not asked"));
  cancellation_ = context.cancellation->on_request([this] { stop(Stop::cancelled); });
  refresh_deadline();
  return {};
}

void ClientConnection::end() {
  cancellation_ = {};
  timeout_.clear();
  idle_since_ = Clock::now();
  input_.release();
}

/// A context without a deadline still must not wait for ever: then each operation has its time.
void ClientConnection::refresh_deadline() {
  timeout_.set(deadline_ == Clock::time_point::max() ? Clock::now() + limits::kRequestTime
                                                     : deadline_);
}

void ClientConnection::stop(Stop reason) {
  if (stopped()) return;
  stop_ = reason;
  boost::system::error_code ignored;
  socket_.close(ignored);
  // Resumed from the loop, not from inside whoever cancels.
  if (lookup_ && lookup_->waiter) asio::post(executor_, std::exchange(lookup_->waiter, nullptr));
}

base::Error ClientConnection::failure(std::string_view what, std::string detail) const {
  switch (stop_) {
    case Stop::none: break;
    case Stop::cancelled:
      return {base::ErrorCode::cancelled, "The request to " + endpoint_.text() + " was cancelled.",
              std::move(detail)};
    case Stop::deadline:
      return {base::ErrorCode::deadline_exceeded, endpoint_.text() + " did not answer in time.",
              std::move(detail)};
    case Stop::connect_time: what = "does not accept connections: no answer"; break;
  }
  return {base::ErrorCode::unavailable, endpoint_.text() + " " + std::string(what) + ".",
          std::move(detail)};
}

bool ClientConnection::too_old() const { return Clock::now() - idle_since_ > limits::kPooledTime; }

bool ClientConnection::reusable() const {
  if (stopped() || !socket_.is_open() || too_old()) return false;
  char byte = 0;
  const ssize_t seen =
      ::recv(const_cast<Socket&>(socket_).native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// ---- Connecting.

base::Task<base::Result<std::vector<ClientConnection::Address>>> ClientConnection::resolve() {
  if (endpoint_.scheme == Endpoint::Scheme::unix_socket) {
    sockaddr_un address{};
    if (endpoint_.host.size() >= sizeof address.sun_path)
      co_return base::fail(failure("has too long a path"));
    co_return std::vector<Address>{asio::local::stream_protocol::endpoint(endpoint_.host)};
  }
  boost::system::error_code is_name;
  const auto literal = asio::ip::make_address(endpoint_.host, is_name);
  if (!is_name) co_return std::vector<Address>{asio::ip::tcp::endpoint(literal, endpoint_.port)};

  lookup_ = std::make_shared<Lookup>(executor_);
  lookup_->resolver.async_resolve(
      endpoint_.host, std::to_string(endpoint_.port), asio::ip::tcp::resolver::numeric_service,
      [lookup = lookup_](const boost::system::error_code& error,
                         const asio::ip::tcp::resolver::results_type& found) {
        lookup->error = error;
        for (const auto& entry : found) lookup->addresses.emplace_back(entry.endpoint());
        if (auto waiter = std::exchange(lookup->waiter, nullptr)) waiter();
      });
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [this](auto completion) { lookup_->waiter = std::move(completion); }, asio::use_awaitable);
  const auto lookup = std::exchange(lookup_, nullptr);
  if (stopped() || lookup->error || lookup->addresses.empty()) {
    co_return base::fail(failure("has a host name that cannot be found", lookup->error.message()));
  }
  co_return std::move(lookup->addresses);
}

base::Task<base::Result<void>> ClientConnection::connect(const TlsTrust* tls_trust) {
  connecting_ = true;
  timeout_.set(std::min(deadline_, Clock::now() + limits::kConnectTime));
  OPALINE_CO_TRY(const auto addresses, co_await resolve());
  boost::system::error_code error;
  for (const Address& address : addresses) {
    boost::system::error_code ignored;
    socket_.close(ignored);
    auto [failed] = co_await socket_.async_connect(address, kAwait);
    error = failed;
    if (!failed || stopped()) break;
  }
  if (error || stopped()) {
    co_return base::fail(failure("cannot be reached: " + error.message()));
  }
  if (endpoint_.scheme != Endpoint::Scheme::unix_socket) {
    const int on = 1;
    ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (endpoint_.scheme == Endpoint::Scheme::https) {
    OPALINE_ASSERT(tls_trust != nullptr);
    tls_ = std::make_unique<TlsStream>(socket_, *tls_trust, endpoint_.host);
    const auto shaken = co_await tls_->handshake();
    if (!shaken) {
      co_return base::fail(
          failure("cannot be trusted or does not speak TLS: " + shaken.error().message));
    }
  }
  connecting_ = false;
  refresh_deadline();
  co_return base::Result<void>();
}

// ---- Moving bytes.

base::Task<base::Result<void>> ClientConnection::write(const std::string* head,
                                                       const std::string* body) {
  if (tls_) {
    wrote_ = true;
    const auto [error, bytes] = co_await tls_->write(*head, *body);
    if (error || stopped())
      co_return base::fail(failure("broke the connection off", error.message()));
    co_return base::Result<void>();
  }
  outgoing_.set({*head, *body, {}});
  const std::size_t all = outgoing_.unsent();
  for (;;) {
    if (stopped()) co_return base::fail(failure("was given up"));
    const auto sent = outgoing_.send_to(socket_.native_handle());
    if (outgoing_.unsent() < all) wrote_ = true;
    if (sent == GatheredWrite::Sent::all) co_return base::Result<void>();
    if (sent == GatheredWrite::Sent::nothing_more)
      co_return base::fail(failure("broke the connection off"));
    refresh_deadline();
    co_await socket_.async_wait(Socket::wait_write, kAwait);
  }
}

base::Task<base::Result<bool>> ClientConnection::read(std::size_t capacity) {
  if (stopped()) co_return base::fail(failure("was given up"));
  const auto room = input_.prepare(capacity);
  if (deadline_ == Clock::time_point::max()) refresh_deadline();
  boost::system::error_code error;
  std::size_t bytes = 0;
  if (tls_) {
    std::tie(error, bytes) = co_await tls_->read_some(room);
  } else {
    std::tie(error, bytes) =
        co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), kAwait);
  }
  if (stopped()) co_return base::fail(failure("was given up"));
  input_.commit(bytes);
  if (error == asio::error::eof) co_return false;
  if (error) co_return base::fail(failure("broke the connection off", error.message()));
  co_return true;
}

}  // namespace opaline::http
