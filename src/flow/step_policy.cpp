#include "flow/step_policy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/asio/this_coro.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <utility>

#include "base/assert.hpp"
#include "base/event.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"

namespace opaline::flow {
namespace {

using base::Context;
using base::Error;
using base::ErrorCode;
using base::Result;
using base::Task;
using contract::Reply;
using contract::Request;

bool wants_stream(const Request& request) {
  if (const auto* json = std::get_if<contract::JsonRequest>(&request)) return json->stream;
  if (const auto* chat = std::get_if<contract::ChatRequest>(&request)) return chat->stream;
  return false;
}

/// Doubled for each attempt, and varied, so that those who failed together do not come back
/// together.
std::chrono::milliseconds delay_before(int attempt, std::chrono::milliseconds first) {
  constexpr int kDoublings = 8;
  const auto whole = first * (1 << std::min(attempt - 2, kDoublings));
  const auto half = whole.count() / 2;
  if (half == 0) return whole;
  std::array<std::uint8_t, sizeof(std::uint32_t)> random{};
  base::fill_random(random);
  const auto vary = std::bit_cast<std::uint32_t>(random) % static_cast<std::uint64_t>(half + 1);
  return std::chrono::milliseconds(half + static_cast<std::int64_t>(vary));
}

/// Two askings of one service, the second after a while. On one event loop; lives in the frame of
/// PolicyService::race.
class Race {
 public:
  /// @param again whether the service may be asked a second time, asked when the time has come.
  Race(contract::Service& service, Request request, Context context, std::function<bool()> again,
       const boost::asio::any_io_executor& executor)
      : service_(service),
        request_(std::move(request)),
        context_(std::move(context)),
        again_(std::move(again)),
        tasks_(executor),
        ended_(executor) {}

  Task<Result<Reply>> run(std::chrono::milliseconds after) {
    start();
    const auto second_at = Context::Clock::now() + after;
    while (!over() && Context::Clock::now() < second_at) co_await ended_.wait(second_at);
    if (!over() && again_()) start();
    while (!over()) co_await ended_.wait();
    for (Asking& asking : askings_) {
      if (asking.cancellation) asking.cancellation->request();
    }
    co_await tasks_.close();
    co_return take();
  }

 private:
  struct Asking {
    std::shared_ptr<base::Cancellation> cancellation;  // Null until it starts.
    base::Cancellation::Registration tie;
    std::optional<Result<Reply>> reply;
  };

  void start() {
    Asking& asking = askings_[started_++];
    asking.cancellation = base::Cancellation::create();
    asking.tie = context_.cancellation->on_request([own = asking.cancellation] { own->request(); });
    tasks_.spawn(ask(asking));
  }

  // The runner lives in this object, which awaits its tasks.
  Task<> ask(Asking& asking) {
    Context own = context_.child();
    own.cancellation = asking.cancellation;
    Result<Reply> reply = base::fail(ErrorCode::internal, "the service failed unexpectedly");
    try {
      Request request = request_;
      reply = co_await service_.call(std::move(request), std::move(own));
    } catch (...) {
      base::log_exception("service_threw", std::current_exception());
    }
    asking.reply = std::move(reply);
    ended_.notify_all();
  }

  /// A good answer is there, or nobody is left to give one.
  [[nodiscard]] bool over() const {
    const auto good = [](const Asking& one) { return one.reply && one.reply->has_value(); };
    const auto ended = [](const Asking& one) { return one.reply.has_value(); };
    const auto running = std::span(askings_).first(started_);
    return std::ranges::any_of(running, good) || std::ranges::all_of(running, ended);
  }

  Result<Reply> take() {
    for (Asking& asking : askings_) {
      if (asking.reply && asking.reply->has_value()) return *std::move(asking.reply);
    }
    return *std::move(askings_.front().reply);
  }

  contract::Service& service_;
  const Request request_;
  const Context context_;
  const std::function<bool()> again_;
  std::array<Asking, 2> askings_;
  std::size_t started_ = 0;
  base::TaskGroup tasks_;
  base::Event ended_;
};

}  // namespace

void RetryBudget::called() {
  int left = left_.load(std::memory_order_relaxed);
  while (left < kMost && !left_.compare_exchange_weak(left, left + 1, std::memory_order_relaxed)) {
  }
}

bool RetryBudget::take() {
  int left = left_.load(std::memory_order_relaxed);
  while (left >= kOnce) {
    if (left_.compare_exchange_weak(left, left - kOnce, std::memory_order_relaxed)) return true;
  }
  return false;
}

PolicyService::PolicyService(contract::Service& service, StepPolicy policy)
    : service_(service), policy_(std::move(policy)) {
  OPALINE_ASSERT(policy_.attempts >= 1);
  OPALINE_ASSERT(policy_.attempts <= limits::kStepAttempts);
}

Task<Result<Reply>> PolicyService::call(Request request, Context context) {
  budget_.called();
  for (int attempts = 1;; ++attempts) {
    Request again = request;
    auto reply = co_await attempt(std::move(again), context);
    if (reply) co_return reply;
    if (!worth_retrying(reply.error(), attempts)) co_return reply;
    const auto delay = delay_before(attempts + 1, policy_.backoff);
    if (context.remaining() <= delay || !may_ask_again(context)) co_return reply;
    co_await base::sleep_for(delay, context.cancellation);
    if (context.cancelled()) co_return base::fail(ErrorCode::cancelled, "the caller left");
    if (context.expired()) co_return reply;
  }
}

bool PolicyService::may_ask_again(const Context& context) {
  if (context.cancelled() || context.expired() || context.extra_attempts->spent()) return false;
  return budget_.take() && context.extra_attempts->take();
}

bool PolicyService::worth_retrying(const Error& error, int attempts) const {
  return attempts < policy_.attempts &&
         std::ranges::find(policy_.retry_on, error.code) != policy_.retry_on.end();
}

Task<Result<Reply>> PolicyService::attempt(Request request, Context context) {
  if (policy_.hedge_after && !wants_stream(request)) {
    co_return co_await race(std::move(request), std::move(context));
  }
  co_return co_await service_.call(std::move(request), context.child());
}

Task<Result<Reply>> PolicyService::race(Request request, Context context) {
  auto again = [this, context] { return may_ask_again(context); };
  Race race(service_, std::move(request), std::move(context), std::move(again),
            co_await boost::asio::this_coro::executor);
  co_return co_await race.run(*policy_.hedge_after);
}

}  // namespace opaline::flow
