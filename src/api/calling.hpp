#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <opaline/micro_service.hpp>

#include "base/context.hpp"

namespace opaline::api {

/// A call on its way: the context it is made with, and what ends it early. The tie must be kept
/// until its answer, stream and all, has ended.
struct Calling {
  base::Context context;
  std::shared_ptr<void> tie;  // Owners: the call's frame, and the streams in its answer.
};

/// A call that works for `parent`. On the loop of `executor`.
[[nodiscard]] Calling call_within(base::Context parent, const CallOptions& options,
                                  const boost::asio::any_io_executor& executor);
/// A request of one's own, not yet of any loop.
[[nodiscard]] Calling call_from_outside(const CallOptions& options,
                                        const boost::asio::any_io_executor& executor);

}  // namespace opaline::api
