#include <algorithm>
#include <boost/asio/co_spawn.hpp>

#include "api/await.hpp"
#include "api/drive.hpp"
#include "base/event.hpp"
#include "base/random.hpp"

namespace opaline {
namespace {

base::Task<> drive_alone(Task<void> task, std::exception_ptr* thrown) {
  api::Workers workers;
  base::Context context;
  context.request_id = base::random_hex(16);
  context.trace = base::TraceContext::start();
  detail::Scope scope{.executor = co_await boost::asio::this_coro::executor,
                      .context = std::move(context),
                      .workers = &workers};
  api::Root root = api::Root::of(std::move(task));
  *thrown = co_await root.finish(&scope);
}

base::Task<base::Result<void>> sleep(base::Context context, std::chrono::nanoseconds time) {
  const auto asked = std::chrono::duration_cast<base::Context::Clock::duration>(time);
  co_await base::sleep_for(std::min(asked, context.remaining()), context.cancellation);
  if (context.cancelled()) co_return base::fail(base::ErrorCode::cancelled, "the caller left");
  if (context.expired()) {
    co_return base::fail(base::ErrorCode::deadline_exceeded, "the time for this request is over");
  }
  co_return base::Result<void>();
}

base::Task<base::Result<void>> work(base::WorkerPool* pool, std::function<void()> work) {
  co_await pool->run(std::move(work));
  co_return base::Result<void>();
}

}  // namespace

Task<void> sleep_for(std::chrono::nanoseconds time) {
  const detail::Scope& scope = co_await api::CurrentScope{};
  co_await api::Await<void>(sleep(scope.context, time));
}

namespace detail {

void run_to_end(Task<void> task) {
  base::EventLoop loop(1);
  std::exception_ptr thrown;
  boost::asio::co_spawn(loop, drive_alone(std::move(task), &thrown),
                        [&](const std::exception_ptr& surprise) {
                          if (surprise) thrown = surprise;
                          loop.stop();
                        });
  loop.run();
  if (thrown) std::rethrow_exception(thrown);
}

Task<void> work_elsewhere(std::function<void()> work_to_do) {
  const Scope& scope = co_await api::CurrentScope{};
  co_await api::Await<void>(work(&scope.workers->pool(), std::move(work_to_do)));
}

}  // namespace detail
}  // namespace opaline
