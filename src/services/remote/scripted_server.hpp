#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/event.hpp"
#include "base/metric.hpp"
#include "http/server.hpp"

namespace opaline::services {

/// For tests: a body of given pieces that ends properly (at once or a little later), breaks off, or
/// hangs until its request is cancelled.
class ScriptedBody final : public http::BodyStream {
 public:
  enum class End { proper, late, broken, never };

  ScriptedBody(std::vector<std::string> pieces, End end) : pieces_(std::move(pieces)), end_(end) {}

  /// Whose cancellation ends a body that hangs.
  void follow(base::Context context) { context_ = std::move(context); }

  base::Task<base::Result<std::optional<std::string>>> next() override {
    if (sent_ < pieces_.size()) co_return std::optional(pieces_[sent_++]);
    if (end_ == End::never)
      co_await base::sleep_for(std::chrono::seconds(10), context_.cancellation);
    if (end_ == End::late)
      co_await base::sleep_for(std::chrono::milliseconds(5), context_.cancellation);
    if (end_ == End::proper || end_ == End::late) co_return std::optional<std::string>();
    co_return base::fail(base::ErrorCode::internal, "it breaks off");
  }

 private:
  std::vector<std::string> pieces_;
  End end_;
  base::Context context_;
  std::size_t sent_ = 0;
};

/// For tests: an HTTP server on a free port of the loopback that remembers what it was asked.
class ScriptedServer {
 public:
  using Answer = std::function<http::Response(const http::Request&)>;

  explicit ScriptedServer(Answer answer)
      : ScriptedServer(http::ServerSettings{.port = 0, .threads = 1}, std::move(answer)) {}
  ScriptedServer(http::ServerSettings settings, Answer answer) : answer_(std::move(answer)) {
    auto server = http::Server::create(
        std::move(settings),
        [this](http::Request request, base::Context context) {
          return handle(std::move(request), std::move(context));
        },
        metrics_);
    EXPECT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    server_->start();
  }
  ~ScriptedServer() { server_->stop(std::chrono::seconds(0)); }

  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] std::vector<http::Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  [[nodiscard]] http::Request last() const { return requests().back(); }

 private:
  base::Task<http::Response> handle(http::Request request, base::Context context) {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    http::Response response = answer_(request);
    if (auto* body = dynamic_cast<ScriptedBody*>(response.stream.get()))
      body->follow(std::move(context));
    co_return response;
  }

  Answer answer_;
  base::MetricRegistry metrics_;
  mutable std::mutex mutex_;
  std::vector<http::Request> requests_;
  std::unique_ptr<http::Server> server_;
};

/// Runs a task on a loop of its own to its end, 10 s at most.
inline void run_task(base::Task<> task) {
  base::EventLoop loop(1);
  boost::asio::co_spawn(loop, std::move(task),
                        [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  loop.run_for(std::chrono::seconds(10));
  EXPECT_TRUE(loop.stopped()) << "it did not end";
}

}  // namespace opaline::services
