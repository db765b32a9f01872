#include "api/io_thread.hpp"

namespace opaline::api {

IoThread::IoThread() : work_(loop_.get_executor()) {}

IoThread::~IoThread() {
  // Nobody waits any more; what is left are timers of idle connections.
  loop_.stop();
  if (thread_.joinable()) thread_.join();
}

void IoThread::admit() {
  std::call_once(once_, [this] { thread_ = std::thread([this] { loop_.run(); }); });
  if (std::this_thread::get_id() != thread_.get_id()) return;
  raise({.code = base::ErrorCode::failed_precondition,
         .message = "a blocking call inside a coroutine: await its async_ form instead",
         .detail = {}});
}

}  // namespace opaline::api
