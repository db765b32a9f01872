#include "http/connection_pool.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/limits.hpp"

namespace opaline::http {

namespace asio = boost::asio;

namespace {
/// How long the deadlines' timer may keep a loop alive that has nothing else to do.
constexpr auto kLinger = std::chrono::milliseconds(50);
}  // namespace

asio::execution_context::id ConnectionPool::id;

ConnectionPool::ConnectionPool(asio::execution_context& owner) : service(owner) {}

ConnectionPool& ConnectionPool::of(const asio::any_io_executor& executor) {
  auto& pool = asio::use_service<ConnectionPool>(asio::query(executor, asio::execution::context));
  if (!pool.timeouts_) pool.timeouts_.emplace(executor, kLinger);
  return pool;
}

std::unique_ptr<ClientConnection> ConnectionPool::make(const asio::any_io_executor& executor,
                                                       Endpoint endpoint) {
  return std::make_unique<ClientConnection>(executor, *timeouts_, std::move(endpoint));
}

std::unique_ptr<ClientConnection> ConnectionPool::take(const Endpoint& endpoint) {
  const auto found = idle_.find(Key(endpoint.scheme, endpoint.host, endpoint.port));
  if (found == idle_.end()) return nullptr;
  auto& connections = found->second;
  std::unique_ptr<ClientConnection> taken;
  while (!taken && !connections.empty()) {
    taken = std::move(connections.back());
    connections.pop_back();
    if (!taken->reusable()) taken.reset();
  }
  if (connections.empty() && !taken) idle_.erase(found);
  return taken;
}

void ConnectionPool::keep(std::unique_ptr<ClientConnection> connection) {
  const Endpoint& endpoint = connection->endpoint();
  auto& connections = idle_[Key(endpoint.scheme, endpoint.host, endpoint.port)];
  if (connections.size() >= limits::kPooledConnections) return;
  // The oldest is the first to be closed by the server, or to grow too old.
  if (!connections.empty() && connections.front()->too_old())
    connections.erase(connections.begin());
  connections.push_back(std::move(connection));
}

void ConnectionPool::shutdown() {
  idle_.clear();
  if (timeouts_) timeouts_->stop();
}

}  // namespace opaline::http
