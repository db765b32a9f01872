#include "api/drive.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace opaline::api {

base::Task<std::exception_ptr> Root::finish(detail::Scope* scope) {
  namespace asio = boost::asio;
  const std::coroutine_handle<promise_type> coroutine = frame_.handle();
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [coroutine, scope](auto waiting) {
        coroutine.promise().scope = scope;
        coroutine.promise().ended = [waiting = std::move(waiting)]() mutable {
          auto executor = asio::get_associated_executor(waiting);
          asio::post(executor, std::move(waiting));
        };
        coroutine.resume();
      },
      asio::use_awaitable);
  co_return coroutine.promise().thrown;
}

}  // namespace opaline::api
