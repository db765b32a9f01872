#include "gateway/answer_pump.hpp"

#include <boost/asio/co_spawn.hpp>
#include <exception>

#include "base/log.hpp"

namespace opaline::gateway {

AnswerPump::AnswerPump(boost::asio::any_io_executor executor,
                       std::unique_ptr<contract::ChatStream> answer,
                       std::shared_ptr<const void> lease)
    : lease_(std::move(lease)), answer_(std::move(answer)), arrived_(executor), taken_(executor) {}

std::shared_ptr<AnswerPump> AnswerPump::start(boost::asio::any_io_executor executor,
                                              std::unique_ptr<contract::ChatStream> answer,
                                              std::shared_ptr<const void> lease) {
  std::shared_ptr<AnswerPump> pump(new AnswerPump(executor, std::move(answer), std::move(lease)));
  // Not in a TaskGroup: nobody waits for its end but its reader, and the task itself keeps alive
  // all that it uses.
  boost::asio::co_spawn(executor, pull(pump), [pump](std::exception_ptr thrown) {
    pump->answer_.reset();  // Ends the generation, also when the reader left early.
    if (!thrown) return;
    base::log_exception("answer_threw", thrown);
    pump->put(base::fail(base::ErrorCode::internal, "something went wrong on our side"));
  });
  return pump;
}

base::Task<> AnswerPump::pull(std::shared_ptr<AnswerPump> self) {
  while (!self->stopped_) {
    Item item = co_await self->answer_->next();
    const bool last = !item || item->end.has_value();
    self->put(std::move(item));
    if (last) co_return;
    while (self->items_.size() >= kAhead && !self->stopped_) co_await self->taken_.wait();
  }
}

void AnswerPump::put(Item item) {
  items_.push_back(std::move(item));
  arrived_.notify_all();
}

base::Task<bool> AnswerPump::wait(Clock::time_point deadline) {
  while (items_.empty()) {
    if (!co_await arrived_.wait(deadline)) break;
  }
  co_return !items_.empty();
}

std::optional<AnswerPump::Item> AnswerPump::take() {
  if (items_.empty()) return {};
  std::optional<Item> item = std::move(items_.front());
  items_.pop_front();
  taken_.notify_all();
  return item;
}

void AnswerPump::stop() {
  stopped_ = true;
  taken_.notify_all();
}

}  // namespace opaline::gateway
