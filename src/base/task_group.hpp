#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>

#include "base/event.hpp"
#include "base/task.hpp"

namespace opaline::base {

/// Tasks that outlive their caller: counted, and awaited before their owner goes. All on one event
/// loop.
class TaskGroup {
 public:
  explicit TaskGroup(boost::asio::any_io_executor executor);
  /// Asserts that the group is empty: await close() (or wait()) first.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task` on the group's loop. An exception that escapes it is logged as a fault and
  /// swallowed.
  /// @return false after close(): the task was not started.
  bool spawn(Task<> task);
  /// Suspends until no task is left; new ones may still be spawned by the running ones.
  Task<> wait();
  /// Admits no more tasks and waits for the others. Ask them to stop first.
  Task<> close();

  [[nodiscard]] std::size_t size() const { return running_; }

 private:
  boost::asio::any_io_executor executor_;
  Event ended_;
  std::size_t running_ = 0;
  bool closed_ = false;
};

}  // namespace opaline::base
