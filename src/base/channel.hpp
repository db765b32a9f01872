#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "base/task.hpp"

namespace opaline::base {

/// A bounded queue from any thread to one coroutine. Held by shared_ptr: its owners are the
/// producer (a model, a worker) and the consumer's stream, and either may go first.
template <class T>
class Channel {
 public:
  /// @param executor the consumer's event loop. @param capacity items held before push() refuses.
  Channel(boost::asio::any_io_executor executor, std::size_t capacity)
      : executor_(std::move(executor)), capacity_(capacity) {}

  /// Any thread. @return false when the channel is closed or full; the item is then dropped.
  bool push(T item) {
    std::function<void()> wake;
    {
      std::lock_guard lock(mutex_);
      if (closed_ || items_.size() >= capacity_) return false;
      items_.push_back(std::move(item));
      wake = std::exchange(waiter_, nullptr);
    }
    if (wake) wake();
    return true;
  }

  /// Any thread. No more items; next() drains what is left and then returns nothing.
  void close() {
    std::function<void()> wake;
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
      wake = std::exchange(waiter_, nullptr);
    }
    if (wake) wake();
  }

  [[nodiscard]] std::size_t size() const {
    std::lock_guard lock(mutex_);
    return items_.size();
  }

  /// The consumer's thread only, one call at a time. @return nothing once closed and empty.
  Task<std::optional<T>> next() {
    for (;;) {
      if (auto item = take()) co_return item;
      if (drained()) co_return std::nullopt;
      co_await wait();
    }
  }

 private:
  std::optional<T> take() {
    std::lock_guard lock(mutex_);
    if (items_.empty()) return std::nullopt;
    T item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

  bool drained() const {
    std::lock_guard lock(mutex_);
    return closed_ && items_.empty();
  }

  Task<> wait() {
    namespace asio = boost::asio;
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [this](auto handler) {
          // std::function needs a copyable callable; the handler is move-only.
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          auto wake = [executor = executor_, shared] {
            asio::post(executor, [shared] { std::move (*shared)(); });
          };
          std::unique_lock lock(mutex_);
          if (items_.empty() && !closed_) {
            waiter_ = std::move(wake);
            return;
          }
          lock.unlock();
          wake();
        },
        asio::use_awaitable);
  }

  boost::asio::any_io_executor executor_;
  std::size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<T> items_;
  std::function<void()> waiter_;
  bool closed_ = false;
};

/// Awaits one value that another thread delivers: `start` is called at once with a function that
/// must be called exactly once, from any thread, with the value.
template <class T, class F>
Task<T> from_callback(F start) {
  namespace asio = boost::asio;
  std::optional<T> value;
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&start, &value](auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        auto executor = asio::get_associated_executor(*shared);
        start(std::function<void(T)>([shared, executor, &value](T delivered) {
          asio::post(executor, [shared, &value, delivered = std::move(delivered)]() mutable {
            value.emplace(std::move(delivered));
            std::move (*shared)();
          });
        }));
      },
      asio::use_awaitable);
  co_return std::move(*value);
}

}  // namespace opaline::base
