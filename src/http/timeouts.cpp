#include "http/timeouts.hpp"

#include <algorithm>
#include <utility>

namespace opaline::http {

Timeouts::Timeouts(boost::asio::any_io_executor executor, Clock::duration linger)
    : timer_(std::move(executor)), linger_(linger) {}

Timeouts::Entry::Entry(Timeouts& owner, std::function<void()> action)
    : owner_(owner), action_(std::move(action)) {}

Timeouts::Entry::~Entry() {
  clear();
  if (queued_) owner_.queue_.erase(place_);
}

void Timeouts::Entry::clear() {
  if (std::exchange(deadline_, Clock::time_point::max()) != Clock::time_point::max())
    --owner_.active_;
}

void Timeouts::Entry::set(Clock::time_point deadline) {
  if (deadline == Clock::time_point::max()) return clear();
  if (std::exchange(deadline_, deadline) == Clock::time_point::max()) ++owner_.active_;
  if (!queued_ || deadline < place_->first) {
    if (queued_) owner_.queue_.erase(place_);
    place_ = owner_.queue_.emplace(deadline, this);
    queued_ = true;
  }
  owner_.arm();
}

void Timeouts::stop() { timer_.reset(); }

void Timeouts::arm() {
  if (!timer_ || active_ == 0 || queue_.begin()->first >= armed_) return;
  const bool resting = armed_ == Clock::time_point::max();
  armed_ = queue_.begin()->first;
  if (resting && linger_ != Clock::duration::max())
    armed_ = std::min(armed_, Clock::now() + linger_);
  timer_->expires_at(armed_);
  timer_->async_wait([this](const boost::system::error_code& error) {
    if (!error) fire();
  });
}

void Timeouts::fire() {
  armed_ = Clock::time_point::max();
  const auto now = Clock::now();
  while (!queue_.empty() && queue_.begin()->first <= now) {
    Entry& entry = *queue_.begin()->second;
    queue_.erase(queue_.begin());
    entry.queued_ = false;
    if (entry.deadline_ <= now) {
      entry.clear();
      // Last use of the entry: its action may destroy it.
      entry.action_();
    } else {
      entry.set(entry.deadline_);
    }
  }
  arm();
}

}  // namespace opaline::http
