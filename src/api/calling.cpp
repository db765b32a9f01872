#include "api/calling.hpp"

#include <boost/asio/post.hpp>
#include <functional>
#include <optional>

#include "base/random.hpp"

namespace opaline::api {
namespace {

struct Tie {
  base::Cancellation::Registration follows;
  std::optional<std::stop_callback<std::function<void()>>> stop;
};

}  // namespace

Calling call_within(base::Context parent, const CallOptions& options,
                    const boost::asio::any_io_executor& executor) {
  auto own = base::Cancellation::create();
  auto tie = std::make_shared<Tie>();
  tie->follows = parent.cancellation->on_request([own] { own->request(); });
  if (options.stop.stop_possible()) {
    // A cancellation is requested on its own loop only.
    tie->stop.emplace(options.stop,
                      [own, executor] { boost::asio::post(executor, [own] { own->request(); }); });
  }
  base::Context context = parent.within(options.timeout);
  context.cancellation = std::move(own);
  return {.context = std::move(context), .tie = std::move(tie)};
}

Calling call_from_outside(const CallOptions& options,
                          const boost::asio::any_io_executor& executor) {
  base::Context context;
  context.request_id = base::random_hex(16);
  context.trace = base::TraceContext::start();
  return call_within(std::move(context), options, executor);
}

}  // namespace opaline::api
