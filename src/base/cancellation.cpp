#include "base/cancellation.hpp"

#include <utility>

namespace opaline::base {

Cancellation::Registration::Registration(std::weak_ptr<Cancellation> owner, std::uint64_t id)
    : owner_(std::move(owner)), id_(id) {}

Cancellation::Registration::Registration(Registration&& other) noexcept
    : owner_(std::move(other.owner_)), id_(std::exchange(other.id_, 0)) {}

Cancellation::Registration& Cancellation::Registration::operator=(Registration&& other) noexcept {
  if (this != &other) {
    Registration old(std::move(*this));
    owner_ = std::move(other.owner_);
    id_ = std::exchange(other.id_, 0);
  }
  return *this;
}

Cancellation::Registration::~Registration() {
  if (id_ == 0) return;
  if (auto owner = owner_.lock()) owner->actions_.erase(id_);
}

std::shared_ptr<Cancellation> Cancellation::create() {
  std::shared_ptr<Cancellation> made(new Cancellation);
  made->self_ = made;
  return made;
}

void Cancellation::request() {
  if (requested_.exchange(true, std::memory_order_acq_rel)) return;
  // An action may remove other registrations (closing a stream does), so take one at a time.
  while (!actions_.empty()) {
    auto newest = std::prev(actions_.end());
    std::function<void()> action = std::move(newest->second);
    actions_.erase(newest);
    action();
  }
}

Cancellation::Registration Cancellation::on_request(std::function<void()> action) {
  if (requested()) {
    action();
    return {};
  }
  const std::uint64_t id = next_id_++;
  actions_.emplace(id, std::move(action));
  return Registration(self_, id);
}

}  // namespace opaline::base
