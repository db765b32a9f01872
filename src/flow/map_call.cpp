#include "flow/map_call.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/task_group.hpp"

namespace opaline::flow {
namespace json = boost::json;
namespace {

/// Lives in the frame of map_call, which awaits its tasks.
class Calls {
 public:
  Calls(StepCall step, std::vector<json::value> inputs, base::Context context)
      : step_(step),
        until_(step.until(context)),
        inputs_(std::move(inputs)),
        answers_(inputs_.size()),
        context_(std::move(context)),
        cancellation_(base::Cancellation::create()) {
    tie_ = context_.cancellation->on_request([own = cancellation_] { own->request(); });
    context_.cancellation = cancellation_;
  }

  /// Takes the next input until there is none.
  base::Task<> work() {
    while (next_ < inputs_.size() && !error_ && !context_.cancelled()) {
      const std::size_t place = next_++;
      base::Result<json::value> answer =
          base::fail(base::ErrorCode::internal, "the service failed unexpectedly");
      try {
        answer = co_await ask(std::move(inputs_[place]));
      } catch (...) {
        base::log_exception("service_threw", std::current_exception());
      }
      if (answer) {
        answers_[place] = *std::move(answer);
        ++answered_;
      } else {
        stop(place, std::move(answer).error());
      }
    }
  }

  base::Result<json::array> take() {
    if (error_) return base::fail(*std::move(error_));
    if (answered_ < answers_.size()) {
      return base::fail(base::ErrorCode::cancelled, "the request was cancelled");
    }
    json::array all;
    all.reserve(answers_.size());
    for (json::value& answer : answers_) all.push_back(std::move(answer));
    return all;
  }

 private:
  base::Task<base::Result<json::value>> ask(json::value input) {
    contract::JsonRequest request{.body = std::move(input), .stream = false};
    OPALINE_CO_TRY(contract::Reply reply,
                   co_await call_step(step_, std::move(request), context_, until_));
    if (auto* answer = std::get_if<contract::JsonReply>(&reply)) co_return std::move(answer->body);
    co_return base::fail(base::ErrorCode::internal,
                         "the service answered with another kind of reply");
  }

  void stop(std::size_t place, base::Error error) {
    if (error_) return;
    error.message = "element " + std::to_string(place) + ": " + error.message;
    error_ = std::move(error);
    cancellation_->request();
  }

  const StepCall step_;
  const base::Context::Clock::time_point until_;
  std::vector<json::value> inputs_;
  std::vector<json::value> answers_;
  base::Context context_;
  std::shared_ptr<base::Cancellation> cancellation_;
  base::Cancellation::Registration tie_;
  std::size_t next_ = 0;
  std::size_t answered_ = 0;
  std::optional<base::Error> error_;
};

}  // namespace

base::Task<base::Result<json::array>> map_call(StepCall step, std::vector<json::value> inputs,
                                               std::size_t concurrency, base::Context context) {
  OPALINE_ASSERT(concurrency >= 1);
  const std::size_t workers = std::min(concurrency, inputs.size());
  base::TaskGroup tasks(co_await boost::asio::this_coro::executor);
  Calls calls(step, std::move(inputs), std::move(context));
  for (std::size_t i = 0; i < workers; ++i) tasks.spawn(calls.work());
  co_await tasks.close();
  co_return calls.take();
}

}  // namespace opaline::flow
