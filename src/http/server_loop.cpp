#include "http/server_loop.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/assert.hpp"
#include "base/event.hpp"
#include "base/log.hpp"
#include "http/connection.hpp"

namespace opaline::http {

namespace asio = boost::asio;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kAcceptPause = std::chrono::milliseconds(50);

}  // namespace

void RequestCounters::count(std::string_view method, unsigned status) {
  const auto row = static_cast<std::size_t>(std::ranges::find(kMethods, method) - kMethods.begin());
  const std::size_t column = std::clamp(status / 100, 2U, 5U) - 2;
  base::Counter*& series = series_[row][column];
  if (series == nullptr) {
    series = &registry_.counter("http_requests_total",
                                "Requests answered, by method and class of status.",
                                {{"method", row < kMethods.size() ? std::string(method) : "other"},
                                 {"status", std::to_string(column + 2) + "xx"}});
  }
  series->add();
}

ServerLoop::ServerLoop(ServerShared& shared)
    : shared_(shared),
      work_(context_.get_executor()),
      timeouts_(context_.get_executor(), Timeouts::Clock::duration::max()),
      counters_(shared.metrics),
      tasks_(context_.get_executor()) {}

ServerLoop::~ServerLoop() = default;

void ServerLoop::accept_from(Listener& listener, std::vector<ServerLoop*> receivers) {
  receivers_ = std::move(receivers);
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  ::getsockname(listener.descriptor(), reinterpret_cast<sockaddr*>(&address), &bytes);
  acceptor_.emplace(context_);
  acceptor_->assign(asio::generic::stream_protocol(address.ss_family, 0), listener.release());
  asio::post(context_, [this] { tasks_.spawn(accept()); });
}

base::Task<> ServerLoop::accept() {
  for (std::size_t next = 0;; ++next) {
    ServerLoop& receiver = *receivers_[next % receivers_.size()];
    auto [error, socket] =
        co_await acceptor_->async_accept(receiver.context_.get_executor(), kAwait);
    if (draining_) co_return;
    if (error) {
      // Out of descriptors or memory, mostly. The connection stays in the kernel's queue; look
      // again a little later.
      if (error != asio::error::connection_aborted) {
        base::log(base::LogLevel::warning, "http_accept_failed", {{"error", error.message()}});
        co_await base::sleep_for(kAcceptPause, nullptr);
        if (draining_) co_return;
      }
      continue;
    }
    if (&receiver == this) {
      adopt(std::move(socket));
    } else {
      asio::post(receiver.context_, [&receiver, moved = std::move(socket)]() mutable {
        receiver.adopt(std::move(moved));
      });
    }
  }
}

void ServerLoop::adopt(Socket socket) {
  if (draining_) return;
  const std::size_t count = shared_.connections.fetch_add(1, std::memory_order_relaxed);
  shared_.connections_gauge.add(1);
  const bool full = count >= shared_.settings.connections;
  auto connection = std::make_unique<Connection>(*this, std::move(socket));
  connections_.insert(connection.get());
  if (count >= shared_.settings.connections + limits::kRefusedConnections) return;
  tasks_.spawn(Connection::serve(std::move(connection), full ? Connection::Admission::refused
                                                             : Connection::Admission::admitted));
}

void ServerLoop::forget(Connection& connection) {
  connections_.erase(&connection);
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  shared_.connections_gauge.add(-1);
}

base::Task<> ServerLoop::shut(std::chrono::steady_clock::time_point deadline) {
  draining_ = true;
  if (acceptor_) {
    boost::system::error_code ignored;
    acceptor_->close(ignored);
  }
  // A connection may end, and leave the set, while it is told.
  for (Connection* connection : std::vector(connections_.begin(), connections_.end())) {
    if (connections_.contains(connection)) connection->drain();
  }
  Timeouts::Entry patience(timeouts_, [this] {
    for (Connection* connection : std::vector(connections_.begin(), connections_.end())) {
      if (connections_.contains(connection)) connection->abort();
    }
  });
  patience.set(deadline);
  co_await tasks_.close();
  timeouts_.stop();
  work_.reset();
}

std::string_view ServerLoop::date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_) {
    date_second_ = now;
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 40> text;
    // The C locale is never left, so the names are English.
    date_.assign(text.data(),
                 std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts));
  }
  return date_;
}

}  // namespace opaline::http
