#include "services/remote/child_service.hpp"

#include <chrono>
#include <optional>
#include <utility>

#include "base/channel_wait.hpp"
#include "base/limits.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;
using Phase = ChildState::Phase;

http::Endpoint socket_endpoint(const std::string& path) {
  http::Endpoint endpoint;
  endpoint.scheme = http::Endpoint::Scheme::unix_socket;
  endpoint.host = path;
  endpoint.port = 0;
  return endpoint;
}

/// Why a child is not ready, as a sentence for the client.
base::Error not_ready(const std::string& name, const ChildState& state) {
  switch (state.phase) {
    case Phase::starting:
      return {.code = ErrorCode::unavailable,
              .message = "the " + name + " is still loading",
              .detail = state.reason};
    case Phase::failed:
      return {.code = ErrorCode::unavailable,
              .message = "the " + name + " does not start: it " + state.reason,
              .detail = {}};
    case Phase::ready:
    case Phase::stopped: break;
  }
  return {.code = ErrorCode::unavailable, .message = "the " + name + " was stopped", .detail = {}};
}

}  // namespace

base::Result<std::unique_ptr<ChildService>> ChildService::create(Settings settings,
                                                                 ChildProcess& process,
                                                                 http::Client& client) {
  RemoteSettings remote;
  remote.kind = settings.kind;
  remote.endpoint = socket_endpoint(process.settings().socket);
  remote.path = std::move(settings.path);
  remote.model = std::move(settings.model);
  remote.peer = RemoteSettings::Peer::opaline;
  remote.label = "the " + process.settings().name;
  OPALINE_TRY(std::unique_ptr<RemoteService> service,
              RemoteService::create(std::move(remote), client));
  return std::unique_ptr<ChildService>(new ChildService(process, std::move(service)));
}

ChildService::ChildService(ChildProcess& process, std::unique_ptr<RemoteService> remote)
    : process_(process), remote_(std::move(remote)) {}

base::Task<base::Result<void>> ChildService::wait_until_ready(base::Context context) {
  const base::Context patience = context.within(limits::kModelStartTime);
  for (;;) {
    // Subscribed before the state is looked at, so that no change is missed. Owned by this frame
    // and the subscription.
    auto woken =
        std::make_shared<base::Channel<char>>(co_await boost::asio::this_coro::executor, 1);
    const auto subscription = process_.on_change([woken] { woken->push(0); });
    const ChildState state = process_.state();
    if (state.phase == Phase::ready) co_return base::Result<void>();
    if (state.phase != Phase::starting)
      co_return base::fail(not_ready(process_.settings().name, state));
    const auto change = co_await base::next_within(woken, patience);
    if (change) continue;
    if (change.error().code == ErrorCode::cancelled) co_return base::fail(change.error());
    co_return base::fail(not_ready(process_.settings().name, process_.state()));
  }
}

base::Task<bool> ChildService::lost(std::uint64_t life, base::Context context) {
  // A broken connection is seen here a moment before the supervisor hears that the process ended.
  constexpr auto kNews = std::chrono::seconds(1);
  const base::Context patience = context.within(kNews);
  for (;;) {
    auto woken =
        std::make_shared<base::Channel<char>>(co_await boost::asio::this_coro::executor, 1);
    const auto subscription = process_.on_change([woken] { woken->push(0); });
    const ChildState state = process_.state();
    if (state.phase != Phase::ready || state.restarts != life) co_return true;
    if (!co_await base::next_within(woken, patience)) co_return false;
  }
}

base::Task<base::Result<contract::Reply>> ChildService::call(contract::Request request,
                                                             base::Context context) {
  if (process_.state().phase != Phase::ready) OPALINE_CO_TRY_DO(co_await wait_until_ready(context));
  const std::uint64_t life = process_.state().restarts;
  // Vectors and scores come out the same a second time; a conversation may have been half told.
  std::optional<contract::Request> again;
  if (kind() != contract::ServiceKind::llm) again = request;
  auto reply = co_await remote_->call(std::move(request), context);
  const auto broke_off = [&reply] {
    return !reply && reply.error().code == ErrorCode::unavailable;
  };
  if (!broke_off() || !co_await lost(life, context)) co_return reply;
  if (again) {
    OPALINE_CO_TRY_DO(co_await wait_until_ready(context));
    reply = co_await remote_->call(std::move(*again), context);
    if (!broke_off()) co_return reply;
  }
  co_return base::fail(ErrorCode::unavailable,
                       "the " + process_.settings().name +
                           " ended while it answered and is being started again; retry",
                       reply.error().message);
}

contract::Health ChildService::health() const {
  using State = contract::Health::State;
  const ChildState state = process_.state();
  switch (state.phase) {
    case Phase::ready: return {};
    case Phase::starting:
      return {.state = State::starting,
              .reason = not_ready(process_.settings().name, state).message};
    case Phase::failed:
    case Phase::stopped: break;
  }
  return {.state = State::failed, .reason = not_ready(process_.settings().name, state).message};
}

}  // namespace opaline::services
