#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "http/client_connection.hpp"
#include "http/timeouts.hpp"

namespace opaline::http {

/// The idle client connections of one event loop, by server. A service of the loop: it ends with
/// it, so that no connection outlives the loop that it belongs to. That loop's thread only.
class ConnectionPool final : public boost::asio::execution_context::service {
 public:
  using key_type = ConnectionPool;  // Asks Asio to find the pool under its own name.
  static boost::asio::execution_context::id id;

  explicit ConnectionPool(boost::asio::execution_context& owner);
  /// The pool of the loop that `executor` belongs to.
  static ConnectionPool& of(const boost::asio::any_io_executor& executor);

  /// The connection to that server that was used last and is still good, or nothing.
  std::unique_ptr<ClientConnection> take(const Endpoint& endpoint);
  /// Keeps a connection whose exchange has ended well.
  void keep(std::unique_ptr<ClientConnection> connection);
  [[nodiscard]] std::unique_ptr<ClientConnection> make(const boost::asio::any_io_executor& executor,
                                                       Endpoint endpoint);

 private:
  using Key = std::tuple<Endpoint::Scheme, std::string, std::uint16_t>;
  void shutdown() override;

  std::optional<Timeouts> timeouts_;  // Before the connections, which have entries in it.
  std::map<Key, std::vector<std::unique_ptr<ClientConnection>>> idle_;
};

}  // namespace opaline::http
