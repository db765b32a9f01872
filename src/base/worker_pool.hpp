#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/task.hpp"

namespace opaline::base {

/// Threads for work that blocks or takes over about a millisecond: disk, parsing, scans. The
/// destructor waits for what was started. Any thread may call.
class WorkerPool {
 public:
  explicit WorkerPool(std::size_t threads) : pool_(threads) {}
  ~WorkerPool() { pool_.join(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Runs `work` on a pool thread and resumes the caller on its own event loop with the result.
  /// `work` owns what it uses (move it into the lambda) or refers to objects that outlive the call;
  /// it must not throw.
  template <class F>
  Task<std::invoke_result_t<F&>> run(F work) {
    using Value = std::invoke_result_t<F&>;
    if constexpr (std::is_void_v<Value>) {
      co_await resume_after([&work] { work(); });
    } else {
      std::optional<Value> value;
      co_await resume_after([&work, &value] { value.emplace(work()); });
      co_return std::move(*value);
    }
  }

  /// Runs `work` on a pool thread, result and end unobserved.
  void post(std::function<void()> work) { boost::asio::post(pool_, std::move(work)); }

 private:
  template <class F>
  Task<> resume_after(F work) {
    namespace asio = boost::asio;
    // `work` lives in this frame until the handler has resumed it.
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [this, &work](auto handler) {
          asio::post(pool_, [&work, handler = std::move(handler)]() mutable {
            work();
            auto executor = asio::get_associated_executor(handler);
            asio::post(executor, std::move(handler));
          });
        },
        asio::use_awaitable);
  }

  boost::asio::thread_pool pool_;
};

}  // namespace opaline::base
