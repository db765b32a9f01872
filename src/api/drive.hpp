#pragma once

#include <boost/asio/this_coro.hpp>
#include <exception>
#include <functional>
#include <opaline/task.hpp>
#include <optional>
#include <utility>

#include "api/failure.hpp"
#include "api/scope.hpp"
#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

namespace opaline::api {

/// The outermost coroutine of an application's: nobody of its own kind awaits it.
class Root {
 public:
  struct promise_type : detail::Promise {
    std::move_only_function<void()> ended;

    struct End {
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
        // The frame may be gone as soon as it is told.
        auto tell = std::move(self.promise().ended);
        tell();
      }
      void await_resume() const noexcept {}
    };

    Root get_return_object() noexcept {
      return Root(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    End final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
  };

  /// Runs `task` and keeps its value.
  template <class T>
  static Root of(Task<T> task, std::optional<T>* value) {
    value->emplace(co_await std::move(task));
  }
  static Root of(Task<void> task) { co_await std::move(task); }

  /// Runs to its end on the loop that awaits this. @param scope must outlive it. @return what was
  /// thrown.
  base::Task<std::exception_ptr> finish(detail::Scope* scope);

 private:
  explicit Root(std::coroutine_handle<promise_type> handle) : frame_(handle) {}

  detail::Frame<promise_type> frame_;
};

/// Runs a coroutine of an application's in one of ours. @param workers must outlive the task.
/// @error what it threw, as to_error() has it.
template <class T>
base::Task<base::Result<T>> drive(Task<T> task, base::Context context, Workers* workers) {
  detail::Scope scope{.executor = co_await boost::asio::this_coro::executor,
                      .context = std::move(context),
                      .workers = workers};
  std::optional<T> value;
  Root root = Root::of(std::move(task), &value);
  if (const std::exception_ptr thrown = co_await root.finish(&scope)) {
    co_return base::fail(to_error(thrown));
  }
  co_return *std::move(value);
}

}  // namespace opaline::api
