/// @file
/// Coroutines: Task, and what may be awaited in one besides another Task.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace opaline {

template <class T>
class Task;

/// Not for applications.
namespace detail {

struct Scope;

/// What all coroutines of this API have: where they run, and who waits for them.
struct Promise {
  /// Of the call that the coroutine works for; set by the one who awaits it.
  Scope* scope = nullptr;
  /// Resumed at the end.
  std::coroutine_handle<> continuation = std::noop_coroutine();
  /// What the body threw.
  std::exception_ptr thrown;

  /// Hands over to the continuation.
  struct Transfer {
    /// Never.
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    /// To the one who waits.
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
      return self.promise().continuation;
    }
    /// Nothing.
    void await_resume() const noexcept {}
  };

  /// A coroutine starts when it is awaited.
  std::suspend_always initial_suspend() const noexcept { return {}; }
  /// And resumes the one who awaited it.
  Transfer final_suspend() const noexcept { return {}; }
  /// Kept for the one who awaits.
  void unhandled_exception() noexcept { thrown = std::current_exception(); }
};

/// The part of a Task's promise that its type decides.
template <class T>
struct ValuePromise : Promise {
  /// What the body returned.
  std::optional<T> value;
  /// `co_return`.
  template <std::convertible_to<T> U = T>
  void return_value(U&& returned) {
    value.emplace(std::forward<U>(returned));
  }
  /// The value, or what was thrown.
  T take() {
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*value);
  }
};

/// The same without a value.
template <>
struct ValuePromise<void> : Promise {
  /// `co_return`.
  void return_void() const noexcept {}
  /// What was thrown.
  void take() const {
    if (thrown) std::rethrow_exception(thrown);
  }
};

/// Owns a coroutine.
template <class P>
class Frame {
 public:
  /// Takes over `handle`.
  explicit Frame(std::coroutine_handle<P> handle) noexcept : handle_(handle) {}
  /// Takes over the coroutine of `other`.
  Frame(Frame&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  /// Takes over the coroutine of `other`.
  Frame& operator=(Frame&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Frame() {
    if (handle_) handle_.destroy();
  }

  /// The coroutine.
  [[nodiscard]] std::coroutine_handle<P> handle() const noexcept { return handle_; }

 private:
  std::coroutine_handle<P> handle_;
};

/// Runs a coroutine to its end on the calling thread.
void run_to_end(Task<void> task);
/// Runs `work` on a worker thread.
Task<void> work_elsewhere(std::function<void()> work);

}  // namespace detail

/// A coroutine that makes a T: what services and hooks of your own are, and what the asynchronous
/// functions of this API return. It starts when it is awaited, and is awaited once, by another
/// coroutine of this API or by run().
///
/// Deadline, cancellation and trace of a request belong to the coroutine that works for it, and go
/// on by themselves to whatever it awaits. A coroutine runs on the I/O thread of its request from
/// beginning to end: what blocks it, or computes for more than a millisecond, holds up the others
/// of that thread; see on_worker(). Parameters of a coroutine should be values: a reference may be
/// gone at the first `co_await`.
template <class T = void>
class [[nodiscard]] Task {
 public:
  /// What the compiler needs to make a coroutine.
  struct promise_type : detail::ValuePromise<T> {
    /// The task of this coroutine.
    Task get_return_object() noexcept {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
  };

  /// Starts the coroutine and waits for its end: `T value = co_await make();`. What it throws is
  /// thrown here.
  auto operator co_await() && noexcept { return Awaiter{frame_.handle()}; }

 private:
  struct Awaiter {
    std::coroutine_handle<promise_type> task;

    bool await_ready() const noexcept { return false; }
    template <std::derived_from<detail::Promise> P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> caller) noexcept {
      task.promise().scope = caller.promise().scope;
      task.promise().continuation = caller;
      return task;
    }
    T await_resume() { return task.promise().take(); }
  };

  explicit Task(std::coroutine_handle<promise_type> handle) noexcept : frame_(handle) {}

  detail::Frame<promise_type> frame_;
};

namespace detail {

/// Keeps the value of `task`.
template <class T>
Task<void> keep_value(Task<T> task, std::optional<T>* value) {
  value->emplace(co_await std::move(task));
}

}  // namespace detail

/// Runs a coroutine on the calling thread, and returns when it has ended: for main() and for tests.
/// @return what it returns; what it throws is thrown.
template <class T>
T run(Task<T> task) {
  if constexpr (std::is_void_v<T>) {
    detail::run_to_end(std::move(task));
  } else {
    std::optional<T> value;
    detail::run_to_end(detail::keep_value(std::move(task), &value));
    return std::move(*value);
  }
}

/// Suspends for `time`, but no longer than the request may last.
/// @throws Error deadline_exceeded, or cancelled when the client leaves meanwhile.
Task<void> sleep_for(std::chrono::nanoseconds time);

/// Runs `work` on a worker thread and resumes the coroutine on its own with the result: for what
/// blocks (files, a database) or computes for long. `work` must own what it uses, or the caller
/// must keep it until the end; what it throws is thrown here.
template <std::invocable F>
Task<std::invoke_result_t<F&>> on_worker(F work) {
  using Value = std::invoke_result_t<F&>;
  std::exception_ptr thrown;
  if constexpr (std::is_void_v<Value>) {
    std::function<void()> guarded = [&work, &thrown] {
      try {
        work();
      } catch (...) {
        thrown = std::current_exception();
      }
    };
    co_await detail::work_elsewhere(std::move(guarded));
    if (thrown) std::rethrow_exception(thrown);
  } else {
    std::optional<Value> value;
    std::function<void()> guarded = [&work, &thrown, &value] {
      try {
        value.emplace(work());
      } catch (...) {
        thrown = std::current_exception();
      }
    };
    co_await detail::work_elsewhere(std::move(guarded));
    if (thrown) std::rethrow_exception(thrown);
    co_return std::move(*value);
  }
}

}  // namespace opaline
