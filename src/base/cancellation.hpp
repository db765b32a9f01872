#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace opaline::base {

/// Tells the work of one request to stop (the client left, the deadline passed, the server stops).
///
/// Owned jointly by the request and by each piece of work it started: that is why it is held by
/// shared_ptr. `request()` and `on_request()` are called on the request's own I/O thread;
/// `requested()` on any thread, which is how a model or a parser on a worker thread notices.
class Cancellation {
 public:
  /// Removes its callback when it dies. Movable, so that it can be a member of a stream.
  class [[nodiscard]] Registration {
   public:
    Registration() = default;
    Registration(std::weak_ptr<Cancellation> owner, std::uint64_t id);
    Registration(Registration&&) noexcept;
    Registration& operator=(Registration&&) noexcept;
    ~Registration();

   private:
    std::weak_ptr<Cancellation> owner_;
    std::uint64_t id_ = 0;
  };

  [[nodiscard]] static std::shared_ptr<Cancellation> create();

  /// Runs every registered callback once, newest first. Later calls do nothing.
  void request();

  /// Calls `action` when cancellation is requested; at once if it was requested already. The
  /// callback must not suspend and must not destroy the Cancellation; typically it closes a socket
  /// or sets a flag.
  Registration on_request(std::function<void()> action);

  [[nodiscard]] bool requested() const noexcept {
    return requested_.load(std::memory_order_acquire);
  }

 private:
  Cancellation() = default;

  std::atomic<bool> requested_ = false;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::function<void()>> actions_;
  std::weak_ptr<Cancellation> self_;
};

}  // namespace opaline::base
