#include "base/task_group.hpp"

#include <boost/asio/co_spawn.hpp>
#include <exception>

#include "base/assert.hpp"
#include "base/log.hpp"

namespace opaline::base {

namespace asio = boost::asio;

TaskGroup::TaskGroup(asio::any_io_executor executor) : executor_(executor), ended_(executor) {}

TaskGroup::~TaskGroup() { OPALINE_ASSERT(running_ == 0); }

bool TaskGroup::spawn(Task<> task) {
  if (closed_) return false;
  ++running_;
  asio::co_spawn(executor_, std::move(task), [this](std::exception_ptr thrown) {
    if (thrown) log_exception("task_failed", thrown);
    --running_;
    ended_.notify_all();
  });
  return true;
}

Task<> TaskGroup::wait() {
  while (running_ > 0) co_await ended_.wait();
}

Task<> TaskGroup::close() {
  closed_ = true;
  co_await wait();
}

}  // namespace opaline::base
