#include "http/server.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "http/listener.hpp"
#include "http/server_loop.hpp"

namespace opaline::http {

namespace {

/// What else works on a loop (a timer of a client, mostly) may do so for this long after its last
/// connection is gone.
constexpr auto kLoopEndTime = std::chrono::seconds(1);

class LoopServer final : public Server {
 public:
  LoopServer(ServerSettings settings, Handler handler, base::MetricRegistry& metrics,
             std::vector<Listener> listeners)
      : shared_{std::move(settings), std::move(handler), metrics,
                metrics.gauge("http_connections", "Open connections of clients.")},
        listeners_(std::move(listeners)),
        port_(listeners_.front().port()) {
    for (std::size_t i = 0; i < shared_.settings.threads; ++i) {
      loops_.push_back(std::make_unique<ServerLoop>(shared_));
    }
  }

  ~LoopServer() override { stop(std::chrono::seconds(0)); }

  void start() override {
    OPALINE_ASSERT(threads_.empty());
    if (listeners_.size() == loops_.size()) {
      for (std::size_t i = 0; i < loops_.size(); ++i)
        loops_[i]->accept_from(listeners_[i], {loops_[i].get()});
    } else {
      std::vector<ServerLoop*> all;
      for (const auto& loop : loops_) all.push_back(loop.get());
      loops_.front()->accept_from(listeners_.front(), std::move(all));
    }
    for (const auto& loop : loops_) {
      std::packaged_task<void()> run([&context = loop->context()] { context.run(); });
      ended_.push_back(run.get_future());
      threads_.emplace_back(std::move(run));
    }
  }

  void stop(std::chrono::steady_clock::duration grace) override {
    if (threads_.empty()) {
      listeners_.clear();
      return;
    }
    const auto deadline = std::chrono::steady_clock::now() + grace;
    std::vector<std::future<void>> shut;
    for (const auto& loop : loops_) {
      shut.push_back(
          boost::asio::co_spawn(loop->context(), loop->shut(deadline), boost::asio::use_future));
    }
    for (auto& one : shut) one.get();
    for (std::size_t i = 0; i < loops_.size(); ++i) {
      if (ended_[i].wait_for(kLoopEndTime) == std::future_status::timeout)
        loops_[i]->context().stop();
      threads_[i].join();
    }
    threads_.clear();
    ended_.clear();
    listeners_.clear();
  }

  [[nodiscard]] std::uint16_t port() const override { return port_; }

 private:
  ServerShared shared_;
  std::vector<Listener> listeners_;
  std::uint16_t port_;
  std::vector<std::unique_ptr<ServerLoop>> loops_;
  std::vector<std::thread> threads_;
  std::vector<std::future<void>> ended_;
};

}  // namespace

base::Result<std::unique_ptr<Server>> Server::create(ServerSettings settings, Handler handler,
                                                     base::MetricRegistry& metrics) {
  OPALINE_ASSERT(handler != nullptr);
  if (settings.threads == 0) settings.threads = std::max(1U, std::thread::hardware_concurrency());
  std::vector<Listener> listeners;
  if (settings.unix_socket.empty()) {
    OPALINE_TRY(listeners, Listener::open_tcp(settings.host, settings.port, settings.threads));
  } else {
    OPALINE_TRY(auto listener, Listener::open_unix(settings.unix_socket));
    listeners.push_back(std::move(listener));
  }
  return std::make_unique<LoopServer>(std::move(settings), std::move(handler), metrics,
                                      std::move(listeners));
}

}  // namespace opaline::http
