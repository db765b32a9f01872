/// @file
/// Coroutines that make many values.
#pragma once

#include <opaline/task.hpp>

#include <concepts>
#include <coroutine>
#include <optional>
#include <utility>

namespace opaline {

/// A coroutine that yields values one after another and may await in between: a streamed answer of
/// your own.
///
///     opaline::Generator<std::string> count(int n) {
///       for (int i = 1; i <= n; ++i) {
///         co_yield opaline::event(std::to_string(i));
///         co_await opaline::sleep_for(100ms);
///       }
///     }
///
/// It runs only while somebody waits for its next value, so a slow reader slows it down; when the
/// reader leaves, it is destroyed where it stands. Parameters should be values.
template <class T>
class [[nodiscard]] Generator {
 public:
  /// What the compiler needs to make a coroutine.
  struct promise_type : detail::Promise {
    /// What was yielded and not yet taken.
    std::optional<T> value;

    /// The generator of this coroutine.
    Generator get_return_object() noexcept {
      return Generator(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    /// `co_yield`.
    template <std::convertible_to<T> U = T>
    detail::Promise::Transfer yield_value(U&& yielded) {
      value.emplace(std::forward<U>(yielded));
      return {};
    }
    /// The end.
    void return_void() const noexcept {}
  };

  /// Runs to the next `co_yield`: `while (auto value = co_await generator.next())`.
  /// @return the value, or nothing at the end; what the generator throws is thrown.
  auto next() noexcept { return Awaiter{frame_.handle()}; }

 private:
  struct Awaiter {
    std::coroutine_handle<promise_type> generator;

    bool await_ready() const noexcept { return generator.done(); }
    template <std::derived_from<detail::Promise> P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> caller) noexcept {
      generator.promise().scope = caller.promise().scope;
      generator.promise().continuation = caller;
      return generator;
    }
    std::optional<T> await_resume() {
      auto& promise = generator.promise();
      if (promise.thrown) std::rethrow_exception(std::exchange(promise.thrown, {}));
      return std::exchange(promise.value, std::nullopt);
    }
  };

  explicit Generator(std::coroutine_handle<promise_type> handle) noexcept : frame_(handle) {}

  detail::Frame<promise_type> frame_;
};

}  // namespace opaline
