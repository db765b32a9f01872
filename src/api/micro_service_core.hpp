#pragma once

#include <memory>
#include <opaline/micro_service.hpp>

#include "api/function_service.hpp"
#include "api/io_thread.hpp"
#include "contract/service.hpp"
#include "http/client.hpp"
#include "services/remote/remote_service.hpp"

namespace opaline::detail {

/// What a MicroService is a handle of. Immutable but for what its parts guard themselves.
struct MicroServiceCore {
  MicroServiceSettings settings;
  http::Client client;
  std::unique_ptr<services::RemoteService> remote;  // Either this …
  std::unique_ptr<api::FunctionService> own;        // … or that, and its face in flows.
  std::unique_ptr<api::StepService> step;
  api::IoThread io;  // Of blocking calls.

  [[nodiscard]] contract::Service& service() const {
    return remote ? static_cast<contract::Service&>(*remote) : *own;
  }
  [[nodiscard]] contract::Service& step_service() const {
    return remote ? static_cast<contract::Service&>(*remote) : *step;
  }
};

}  // namespace opaline::detail

namespace opaline::api {

/// @param thread of a blocking call, null in a coroutine. @param keep for a stream.
[[nodiscard]] base::Result<Reply> to_reply(contract::Reply reply, IoThread* thread,
                                           std::shared_ptr<void> keep);

}  // namespace opaline::api
