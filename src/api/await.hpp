#pragma once

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <opaline/task.hpp>
#include <optional>
#include <utility>

#include "api/failure.hpp"
#include "api/scope.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

namespace opaline::api {

/// A coroutine of ours, awaited in one of an application's: `T value = co_await Await(task)`.
/// Throws its error.
template <class T>
class Await {
 public:
  explicit Await(base::Task<base::Result<T>> task) : task_(std::move(task)) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <std::derived_from<detail::Promise> P>
  void await_suspend(std::coroutine_handle<P> caller) {
    boost::asio::co_spawn(caller.promise().scope->executor, keep(std::move(task_), &result_),
                          [this, caller](const std::exception_ptr& thrown) {
                            thrown_ = thrown;
                            caller.resume();
                          });
  }
  T await_resume() {
    if (thrown_) std::rethrow_exception(thrown_);
    return value_or_raise(*std::move(result_));
  }

 private:
  static base::Task<> keep(base::Task<base::Result<T>> task,
                           std::optional<base::Result<T>>* result) {
    result->emplace(co_await std::move(task));
  }

  base::Task<base::Result<T>> task_;
  std::optional<base::Result<T>> result_;
  std::exception_ptr thrown_;
};

}  // namespace opaline::api
