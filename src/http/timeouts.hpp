#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>

namespace opaline::http {

/// The deadlines of all connections of one event loop, on one timer. Setting a deadline later than
/// the one before, which is what happens from request to request, is one assignment.
///
/// Must outlive its entries and, as the timer's callback refers to it, the running of its event
/// loop. That loop's thread only.
class Timeouts {
 public:
  using Clock = std::chrono::steady_clock;

  /// @param linger how long the timer may stay armed when no entry needs it any more; it keeps the
  /// loop alive.
  Timeouts(boost::asio::any_io_executor executor, Clock::duration linger);

  /// Calls its action when its deadline passes, once for each set().
  class Entry {
   public:
    Entry(Timeouts& owner, std::function<void()> action);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    void set(Clock::time_point deadline);
    void clear();
    [[nodiscard]] Clock::time_point deadline() const { return deadline_; }

   private:
    friend Timeouts;
    Timeouts& owner_;
    std::function<void()> action_;
    Clock::time_point deadline_ = Clock::time_point::max();
    // The entry is queued under a time not after its deadline, and looked at again then.
    std::multimap<Clock::time_point, Entry*>::iterator place_;
    bool queued_ = false;
  };

  /// Disarms the timer for good; entries may still come and go.
  void stop();

 private:
  void arm();
  void fire();

  std::optional<boost::asio::steady_timer> timer_;  // Nothing once stopped.
  Clock::duration linger_;
  Clock::time_point armed_ = Clock::time_point::max();
  std::multimap<Clock::time_point, Entry*> queue_;
  std::size_t active_ = 0;  // Entries with a deadline; without any the timer rests.
};

}  // namespace opaline::http
