#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <functional>
#include <initializer_list>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/event.hpp"
#include "contract/service.hpp"

namespace opaline::flow {

/// For tests. What happened in which order, over all services of a test.
using Journal = std::vector<std::string>;

/// For tests. A stream of given pieces, then an end, or an error instead.
class ScriptedStream final : public contract::ChatStream {
 public:
  ScriptedStream(std::vector<std::string> pieces, std::optional<base::Error> error,
                 Journal* journal)
      : pieces_(std::move(pieces)), error_(std::move(error)), journal_(journal) {}
  ~ScriptedStream() override { journal_->push_back("stream gone"); }

  base::Task<base::Result<contract::ChatDelta>> next() override {
    contract::ChatDelta delta;
    if (place_ < pieces_.size()) {
      delta.text = pieces_[place_++];
    } else if (error_) {
      co_return base::fail(*error_);
    } else {
      delta.end.emplace();
      delta.end->usage.completion_tokens = pieces_.size();
    }
    co_return delta;
  }

 private:
  std::vector<std::string> pieces_;
  std::optional<base::Error> error_;
  Journal* journal_;
  std::size_t place_ = 0;
};

/// For tests. A service that answers what its script says, at once or when the test lets it, and
/// ends with `cancelled` when it is asked to stop meanwhile. No real time passes in it.
class ScriptedService final : public contract::Service {
 public:
  using Script = std::function<base::Result<contract::Reply>(const contract::Request&)>;

  ScriptedService(std::string name, contract::ServiceKind kind, Journal* journal)
      : name_(std::move(name)), kind_(kind), journal_(journal) {}

  contract::ServiceKind kind() const override { return kind_; }
  contract::Health health() const override { return {}; }

  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override {
    journal_->push_back("start " + name_);
    requests.push_back(request);
    contexts.push_back(context);
    Pending pending{.event = base::Event(co_await boost::asio::this_coro::executor)};
    const auto place = pending_.insert(pending_.end(), &pending);
    {
      const auto tie = context.cancellation->on_request([&pending] {
        pending.cancelled = true;
        pending.event.notify_all();
      });
      while (held && !pending.released && !pending.cancelled) co_await pending.event.wait();
    }
    pending_.erase(place);
    if (pending.cancelled) {
      journal_->push_back("cancelled " + name_);
      co_return base::fail(base::ErrorCode::cancelled, "cancelled");
    }
    journal_->push_back("end " + name_);
    co_return script(request);
  }

  /// Calls that wait for release().
  std::size_t waiting() const {
    std::size_t count = 0;
    for (const Pending* one : pending_) count += !one->released && !one->cancelled ? 1 : 0;
    return count;
  }
  /// Lets the oldest waiting call go on.
  void release() {
    for (Pending* one : pending_) {
      if (one->released || one->cancelled) continue;
      one->released = true;
      one->event.notify_all();
      return;
    }
    OPALINE_ASSERT(!"nothing to release");
  }

  bool held = false;
  Script script;
  std::vector<contract::Request> requests;
  std::vector<base::Context> contexts;

 private:
  struct Pending {
    base::Event event;
    bool released = false;
    bool cancelled = false;
  };

  std::string name_;
  contract::ServiceKind kind_;
  Journal* journal_;
  std::list<Pending*> pending_;  // Each lives in its call's frame.
};

/// For tests. A coroutine's end, seen from outside of its loop.
template <class T>
class Outcome {
 public:
  /// Starts `task`; poll the loop to let it go on.
  void of(base::EventLoop& loop, base::Task<T> task) {
    boost::asio::co_spawn(loop, std::move(task), [this](const std::exception_ptr& thrown, T value) {
      OPALINE_ASSERT(!thrown);
      value_ = std::move(value);
    });
  }

  bool ended() const { return value_.has_value(); }
  T& value() {
    OPALINE_ASSERT(ended());
    return *value_;
  }

 private:
  std::optional<T> value_;
};

/// For tests. Runs everything that can run now; nothing in these tests waits for time.
inline void settle(base::EventLoop& loop) {
  loop.restart();
  loop.poll();
}

}  // namespace opaline::flow
