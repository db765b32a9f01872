#include "_core/piece_queue.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "_core/event_cutter.hpp"

namespace opaline::python {

PieceQueue::PieceQueue(std::shared_ptr<Engine> engine)
    : engine_(std::move(engine)), room_(engine_->loop().get_executor()) {}

std::shared_ptr<PieceQueue> PieceQueue::consumer(std::shared_ptr<PieceQueue> queue) {
  PieceQueue* raw = queue.get();
  return {raw, [queue = std::move(queue)](PieceQueue*) { queue->close(); }};
}

base::Task<> PieceQueue::read(std::unique_ptr<http::ClientStream> stream,
                              std::shared_ptr<base::Cancellation> cancellation) {
  const auto self = shared_from_this();
  {
    const std::lock_guard lock(mutex_);
    cancellation_ = cancellation;
    if (closed_) co_return;
  }
  EventCutter cutter;
  for (;;) {
    auto bytes = co_await stream->next();
    if (!bytes) {
      finish(std::move(bytes).error());
      co_return;
    }
    if (!*bytes) break;
    for (std::string& piece : cutter.feed(**bytes)) {
      if (!push(std::move(piece))) co_return;
    }
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (closed_) co_return;
        if (!full_) break;
      }
      co_await room_.wait();
    }
  }
  if (std::string rest = cutter.rest(); !rest.empty()) push(std::move(rest));
  finish(std::nullopt);
}

bool PieceQueue::push(std::string piece) {
  std::unique_lock lock(mutex_);
  if (closed_) return false;
  bytes_ += piece.size();
  full_ = bytes_ >= kQueuedBytes;
  pieces_.push_back(std::move(piece));
  wake(lock);
  return true;
}

void PieceQueue::finish(std::optional<base::Error> error) {
  std::unique_lock lock(mutex_);
  if (closed_) return;
  ended_ = true;
  error_ = std::move(error);
  wake(lock);
}

void PieceQueue::wake(std::unique_lock<std::mutex>& lock) {
  const auto mailbox = std::exchange(mailbox_, nullptr);
  lock.unlock();
  changed_.notify_one();
  if (mailbox) mailbox->post(to_, StreamReady{});
}

base::Result<std::optional<std::string>> PieceQueue::wait_next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !pieces_.empty() || ended_ || closed_; });
  if (closed_) return base::fail(base::ErrorCode::cancelled, "the stream was closed");
  if (!pieces_.empty()) {
    std::string piece = std::move(pieces_.front());
    pieces_.pop_front();
    bytes_ -= piece.size();
    if (request_start_) {
      MegaserviceMetrics& metrics = MegaserviceMetrics::get();
      const double now = monotonic_seconds();
      if (last_token_) {
        metrics.inter_token.observe(now - *last_token_);
      } else {
        metrics.first_token.observe(now - *request_start_);
      }
      last_token_ = now;
    }
    if (full_ && bytes_ < kQueuedBytes / 2) {
      full_ = false;
      boost::asio::post(engine_->loop(), [self = shared_from_this()] { self->room_.notify_all(); });
    }
    return piece;
  }
  taken_last(lock);
  if (error_) return base::fail(*error_);
  return std::nullopt;
}

void PieceQueue::taken_last(std::unique_lock<std::mutex>&) {
  if (std::exchange(served_, true)) return;
  if (request_start_ && !error_)
    MegaserviceMetrics::get().request.observe(monotonic_seconds() - *request_start_);
  if (pending_) pending_->release();
}

bool PieceQueue::ready() const {
  const std::lock_guard lock(mutex_);
  return !pieces_.empty() || ended_ || closed_;
}

void PieceQueue::tell(std::shared_ptr<Mailbox> mailbox, std::uint64_t to) {
  {
    const std::lock_guard lock(mutex_);
    if (pieces_.empty() && !ended_ && !closed_) {
      mailbox_ = std::move(mailbox);
      to_ = to;
      return;
    }
  }
  mailbox->post(to, StreamReady{});
}

void PieceQueue::close() {
  std::shared_ptr<base::Cancellation> cancellation;
  {
    std::unique_lock lock(mutex_);
    if (closed_) return;
    closed_ = true;
    pieces_.clear();
    if (pending_) pending_->release();
    if (!ended_) cancellation = cancellation_;
    wake(lock);
  }
  if (!cancellation) return;
  boost::asio::post(engine_->loop(), [self = shared_from_this(), cancellation] {
    cancellation->request();
    self->room_.notify_all();
  });
}

void PieceQueue::measure(double request_start) {
  const std::lock_guard lock(mutex_);
  request_start_ = request_start;
}

void PieceQueue::hold(std::shared_ptr<PendingRequest> pending) {
  const std::lock_guard lock(mutex_);
  pending_ = std::move(pending);
  if (closed_ || served_) pending_->release();
}

}  // namespace opaline::python
