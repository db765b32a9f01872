#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "_core/engine.hpp"
#include "_core/latency.hpp"
#include "_core/mailbox.hpp"
#include "base/cancellation.hpp"
#include "base/context.hpp"
#include "base/event.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "http/client.hpp"

namespace opaline::python {

/// A streamed reply on its way from the engine's thread to whoever sends it on: whole events, and
/// never more than kQueuedBytes of them; while that is full nothing more is read from the server.
/// Owned by its reader on the engine and by its consumer; close() ends both and the connection.
class PieceQueue : public std::enable_shared_from_this<PieceQueue> {
 public:
  static constexpr std::size_t kQueuedBytes = 256 * 1024;

  explicit PieceQueue(std::shared_ptr<Engine> engine);
  /// The consumer's share of a queue: when its last copy goes, wherever it is by then, the queue is
  /// closed.
  [[nodiscard]] static std::shared_ptr<PieceQueue> consumer(std::shared_ptr<PieceQueue> queue);

  /// The engine's thread: reads the stream to its end, or until close().
  base::Task<> read(std::unique_ptr<http::ClientStream> stream,
                    std::shared_ptr<base::Cancellation> cancellation);

  /// The consumer's, any thread. The next piece or, at the end, nothing; waits for it.
  /// @error what broke the stream; cancelled: closed.
  [[nodiscard]] base::Result<std::optional<std::string>> wait_next();
  /// Whether wait_next() returns at once.
  [[nodiscard]] bool ready() const;
  /// One StreamReady for `to` as soon as ready(); at once when it is.
  void tell(std::shared_ptr<Mailbox> mailbox, std::uint64_t to);
  /// No more is wanted: the connection is closed unless it has been read to its end.
  void close();

  /// From now on counts each piece as a token of the request that started then, and the request as
  /// served at the end.
  void measure(double request_start);
  /// Keeps the gauge up until the end.
  void hold(std::shared_ptr<PendingRequest> pending);

 private:
  bool push(std::string piece);
  void finish(std::optional<base::Error> error);
  void wake(std::unique_lock<std::mutex>& lock);
  void taken_last(std::unique_lock<std::mutex>& lock);

  std::shared_ptr<Engine> engine_;
  base::Event room_;  // The engine's thread: there is room again, or it is closed.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> pieces_;
  std::size_t bytes_ = 0;
  bool full_ = false;
  bool ended_ = false;
  bool closed_ = false;
  bool served_ = false;
  std::optional<base::Error> error_;
  std::shared_ptr<base::Cancellation> cancellation_;
  std::shared_ptr<Mailbox> mailbox_;
  std::uint64_t to_ = 0;
  std::optional<double> request_start_;
  std::optional<double> last_token_;
  std::shared_ptr<PendingRequest> pending_;
};

}  // namespace opaline::python
