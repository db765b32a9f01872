#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_future.hpp>
#include <mutex>
#include <thread>

#include "api/failure.hpp"
#include "base/task.hpp"

namespace opaline::api {

/// The loop on which the blocking calls of one object happen; its thread starts with the first
/// call. Any thread may call; must not be destroyed by its own.
class IoThread {
 public:
  IoThread();
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  /// Runs `task` and blocks until it has ended. @throws Error failed_precondition: this is the
  /// loop's own thread, which would wait for ever.
  template <class T>
  T wait(base::Task<T> task) {
    admit();
    return boost::asio::co_spawn(loop_, std::move(task), boost::asio::use_future).get();
  }
  /// Drops `last` on the loop's thread, where streams belong, and waits until that is done.
  template <class T>
  void drop(T last) {
    if (std::this_thread::get_id() == thread_.get_id()) return;
    wait(destroy(std::move(last)));
  }

  [[nodiscard]] boost::asio::any_io_executor executor() { return loop_.get_executor(); }

 private:
  template <class T>
  static base::Task<> destroy(T /*last*/) {
    co_return;
  }
  void admit();

  base::EventLoop loop_{1};
  boost::asio::executor_work_guard<base::EventLoop::executor_type> work_;
  std::once_flag once_;
  std::thread thread_;
};

}  // namespace opaline::api
