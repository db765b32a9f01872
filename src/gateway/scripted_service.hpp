#pragma once

// For tests only.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/event.hpp"
#include "contract/service.hpp"
#include "http/message.hpp"

namespace opaline::gateway {

/// Runs `task` on `loop` until it ends; what it throws comes out here.
template <class T>
T run(base::EventLoop& loop, base::Task<T> task) {
  std::optional<T> value;
  std::exception_ptr fault;
  boost::asio::co_spawn(loop, std::move(task), [&](std::exception_ptr thrown, T result) {
    fault = thrown;
    if (!thrown) value.emplace(std::move(result));
  });
  const auto watchdog = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  loop.restart();
  while (!value && !fault && std::chrono::steady_clock::now() < watchdog)
    loop.run_one_for(std::chrono::milliseconds(100));
  if (fault) std::rethrow_exception(fault);
  OPALINE_ASSERT(value.has_value());  // The task did not end within 5 s.
  return std::move(*value);
}

/// A service that answers as a test says and remembers what it was asked.
class ScriptedService final : public contract::Service {
 public:
  using Answer =
      std::function<base::Result<contract::Reply>(const contract::Request&, const base::Context&)>;

  ScriptedService(contract::ServiceKind kind, Answer answer)
      : kind_(kind), answer_(std::move(answer)) {}

  [[nodiscard]] contract::ServiceKind kind() const override { return kind_; }
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override {
    requests.push_back(request);
    contexts.push_back(context);
    co_return answer_(requests.back(), context);
  }
  [[nodiscard]] contract::Health health() const override { return state; }

  void set(Answer answer) { answer_ = std::move(answer); }
  void fail(base::ErrorCode code, std::string message) {
    answer_ = [code, message](const auto&, const auto&) -> base::Result<contract::Reply> {
      return base::fail(code, message, "a detail");
    };
  }

  std::vector<contract::Request> requests;
  std::vector<base::Context> contexts;
  contract::Health state;

 private:
  contract::ServiceKind kind_;
  Answer answer_;
};

/// A stream of given pieces. With `hold`, it then waits until its context is cancelled.
class ScriptedStream final : public contract::ChatStream {
 public:
  enum class Ending { plain, hold };

  ScriptedStream(std::vector<base::Result<contract::ChatDelta>> items, base::Context context,
                 Ending ending = Ending::plain, std::shared_ptr<bool> dropped = nullptr)
      : items_(std::move(items)),
        context_(std::move(context)),
        ending_(ending),
        dropped_(std::move(dropped)) {}
  ~ScriptedStream() override {
    if (dropped_) *dropped_ = true;
  }

  base::Task<base::Result<contract::ChatDelta>> next() override {
    if (next_ < items_.size()) co_return std::move(items_[next_++]);
    OPALINE_ASSERT(ending_ == Ending::hold);  // Asked again after the end.
    co_await base::sleep_for(std::chrono::seconds(60), context_.cancellation);
    co_return base::fail(base::ErrorCode::cancelled, "cancelled");
  }

 private:
  std::vector<base::Result<contract::ChatDelta>> items_;
  base::Context context_;
  Ending ending_;
  std::shared_ptr<bool> dropped_;  // Shared with the test.
  std::size_t next_ = 0;
};

/// A stream whose first piece comes at once, and which then notices nothing until it is let go.
class LateStream final : public contract::ChatStream {
 public:
  LateStream(std::shared_ptr<base::Event> go, std::shared_ptr<bool> dropped)
      : go_(std::move(go)), dropped_(std::move(dropped)) {}
  ~LateStream() override { *dropped_ = true; }
  base::Task<base::Result<contract::ChatDelta>> next() override {
    if (!std::exchange(begun_, true)) co_return contract::ChatDelta{.text = "a", .end = {}};
    co_await go_->wait();
    co_return base::fail(base::ErrorCode::cancelled, "cancelled");
  }

 private:
  std::shared_ptr<base::Event> go_;  // Shared with the test.
  std::shared_ptr<bool> dropped_;    // Shared with the test.
  bool begun_ = false;
};

inline contract::ChatDelta piece(std::string text) {
  contract::ChatDelta delta;
  delta.text = std::move(text);
  return delta;
}
inline contract::ChatDelta end_of(contract::ChatReply reply) {
  contract::ChatDelta delta;
  delta.end = std::move(reply);
  return delta;
}

/// Everything that a streamed body still has to say; at an error, what came before it and then
/// "<error>".
inline base::Task<std::string> drained(std::shared_ptr<http::BodyStream> stream) {
  std::string all;
  for (;;) {
    auto next = co_await stream->next();
    if (!next) co_return all + "<error>";
    if (!*next) co_return all;
    all += **next;
  }
}

}  // namespace opaline::gateway
