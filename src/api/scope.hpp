#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <opaline/task.hpp>

#include "api/workers.hpp"
#include "base/context.hpp"

namespace opaline::detail {

/// Where a coroutine of an application runs, and for whom. Lives in the frame of api::drive().
struct Scope {
  boost::asio::any_io_executor executor;
  base::Context context;
  api::Workers* workers;  // Of the service or flow that the coroutine belongs to.
};

}  // namespace opaline::detail

namespace opaline::api {

/// `detail::Scope& scope = co_await CurrentScope{};` in a coroutine of the application's kind.
struct CurrentScope {
  detail::Scope* scope = nullptr;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <std::derived_from<detail::Promise> P>
  bool await_suspend(std::coroutine_handle<P> self) noexcept {
    scope = self.promise().scope;
    return false;
  }
  [[nodiscard]] detail::Scope& await_resume() const noexcept { return *scope; }
};

}  // namespace opaline::api
