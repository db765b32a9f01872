#pragma once

#include <array>
#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/metric.hpp"
#include "base/task.hpp"
#include "base/task_group.hpp"
#include "http/listener.hpp"
#include "http/server.hpp"
#include "http/timeouts.hpp"

namespace opaline::http {

class Connection;

using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                                boost::asio::io_context::executor_type>;

/// http_requests_total by method and status class. One an I/O thread, so that a series is looked up
/// once.
class RequestCounters {
 public:
  explicit RequestCounters(base::MetricRegistry& registry) : registry_(registry) {}
  /// @param method "" when the request could not be read.
  void count(std::string_view method, unsigned status);

 private:
  static constexpr std::array<std::string_view, 7> kMethods = {"GET",    "HEAD",    "POST", "PUT",
                                                               "DELETE", "OPTIONS", "PATCH"};
  base::MetricRegistry& registry_;
  std::array<std::array<base::Counter*, 4>, kMethods.size() + 1>
      series_{};  // Status classes 2xx … 5xx.
};

/// What all threads of one server share; outlives them.
struct ServerShared {
  ServerSettings settings;
  Handler handler;
  base::MetricRegistry& metrics;
  base::Gauge& connections_gauge;
  std::atomic<std::size_t> connections = 0;
};

/// One I/O thread of a server: its event loop, its listening socket, its connections. All but
/// start(), post() and the constructor happens on that loop.
class ServerLoop {
 public:
  explicit ServerLoop(ServerShared& shared);
  ~ServerLoop();
  ServerLoop(const ServerLoop&) = delete;
  ServerLoop& operator=(const ServerLoop&) = delete;

  /// Accepts from `listener`, which must outlive the loop, and hands the connections to `receivers`
  /// in turn.
  void accept_from(Listener& listener, std::vector<ServerLoop*> receivers);
  /// Takes a connected socket of this loop.
  void adopt(Socket socket);
  /// Stops accepting, closes idle connections, lets requests end until `deadline`, then cancels
  /// them; afterwards releases the loop, so that it ends when nothing else works on it.
  base::Task<> shut(std::chrono::steady_clock::time_point deadline);

  // For its connections.
  void forget(Connection& connection);
  [[nodiscard]] bool draining() const { return draining_; }
  [[nodiscard]] std::string_view date();
  [[nodiscard]] ServerShared& shared() { return shared_; }
  [[nodiscard]] RequestCounters& counters() { return counters_; }
  [[nodiscard]] Timeouts& timeouts() { return timeouts_; }
  [[nodiscard]] boost::asio::io_context& context() { return context_; }

 private:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol,
                                                      boost::asio::io_context::executor_type>;
  base::Task<> accept();

  ServerShared& shared_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  Timeouts timeouts_;
  RequestCounters counters_;
  base::TaskGroup tasks_;
  std::optional<Acceptor> acceptor_;
  std::vector<ServerLoop*> receivers_;
  std::unordered_set<Connection*> connections_;
  std::string date_;
  std::time_t date_second_ = 0;
  bool draining_ = false;
};

}  // namespace opaline::http
