/// @file
/// Services of your own: as a function, a coroutine, or a class.
#pragma once

#include <opaline/message.hpp>
#include <opaline/task.hpp>

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace opaline {

namespace detail {
struct CallState;
}

/// What a service may know about the request that it works for. Cheap to copy; any thread.
class Call {
 public:
  /// Whether the caller would take a Stream: `"stream": true` in a request over HTTP.
  [[nodiscard]] bool stream() const noexcept;
  /// Time left for it, never negative.
  [[nodiscard]] std::chrono::nanoseconds remaining() const;
  /// Whether nobody waits for the answer any more: long work should ask now and then.
  [[nodiscard]] bool cancelled() const noexcept;
  /// The client's X-Request-Id, or one of ours.
  [[nodiscard]] const std::string& request_id() const noexcept;
  /// The trace that it belongs to (W3C), 32 hex digits.
  [[nodiscard]] std::string trace_id() const;

  /// Not for applications.
  explicit Call(std::shared_ptr<const detail::CallState> state) noexcept;

 private:
  std::shared_ptr<const detail::CallState> state_;
};

/// Whether a service can do its work now; /readyz tells it.
struct Health {
  /// `ready`, or why not.
  enum class State {
    ready,     ///< It answers.
    starting,  ///< It will, soon.
    failed,    ///< It does not, and somebody should look.
  };
  State state = State::ready;  ///< Now.
  std::string reason = {};     ///< Of `starting` and `failed`: for people.
};

/// A service of your own, as a class. Called on every I/O thread that it is used on: one server
/// thread unless you ask for more.
class Service {
 public:
  virtual ~Service() = default;
  /// Answers one request. Throw Error to refuse it. @param inputs its body.
  /// @param call what else is known about it.
  virtual Task<Reply> call(Json inputs, Call call) = 0;
  /// Cheap; any thread.
  [[nodiscard]] virtual Health health() const { return {}; }
};

/// A service of your own, as a function: anything that can be called with `(Json inputs, Call)` or
/// `(Json inputs)` and returns Json, Reply, Task<Json>, Task<Reply> or Generator<std::string>.
class ServiceFunction {
 public:
  /// Takes over `function`, which is called on the threads that Service names.
  template <class F>
    requires(!std::same_as<std::decay_t<F>, ServiceFunction>) &&
            (std::invocable<std::decay_t<F>&, Json, Call> || std::invocable<std::decay_t<F>&, Json>)
  ServiceFunction(F&& function)
      : answer_([kept = std::make_shared<std::decay_t<F>>(std::forward<F>(function))](Json inputs,
                                                                                      Call call) {
          return begin(*kept, std::move(inputs), std::move(call));
        }) {}

  /// Calls it. It must outlive the task.
  Task<Reply> operator()(Json inputs, Call call) const {
    return answer_(std::move(inputs), std::move(call));
  }

 private:
  template <class F>
  static auto invoke(F& function, Json inputs, Call call) {
    if constexpr (std::invocable<F&, Json, Call>) {
      return function(std::move(inputs), std::move(call));
    } else {
      return function(std::move(inputs));
    }
  }
  template <class F>
  static Task<Reply> begin(F& function, Json inputs, Call call) {
    using Answer = decltype(invoke(function, std::move(inputs), std::move(call)));
    if constexpr (std::same_as<Answer, Task<Reply>>) {
      return invoke(function, std::move(inputs), std::move(call));
    } else if constexpr (std::same_as<Answer, Task<Json>>) {
      return awaited(invoke(function, std::move(inputs), std::move(call)));
    } else {
      static_assert(std::convertible_to<Answer, Reply>,
                    "a service returns Json, Reply, Task<Json>, Task<Reply> or "
                    "Generator<std::string>");
      return later(function, std::move(inputs), std::move(call));
    }
  }
  static Task<Reply> awaited(Task<Json> task) { co_return co_await std::move(task); }
  template <class F>
  static Task<Reply> later(F& function, Json inputs, Call call) {
    co_return invoke(function, std::move(inputs), std::move(call));
  }

  std::function<Task<Reply>(Json, Call)> answer_;
};

}  // namespace opaline
