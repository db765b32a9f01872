#include <fmt/format.h>

#include <utility>

#include "api/await.hpp"
#include "api/calling.hpp"
#include "api/micro_service_core.hpp"
#include "api/server_state.hpp"
#include "api/stream_state.hpp"
#include "flow/service_address.hpp"
#include "gateway/custom_routes.hpp"
#include "http/endpoint.hpp"

namespace opaline {
namespace {

using Core = std::shared_ptr<detail::MicroServiceCore>;

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::invalid_argument, message);
}

/// "http://host:port". As with OPEA, a host may be a whole base URL.
std::string origin(const MicroServiceSettings& settings) {
  if (settings.host.contains("://")) return settings.host;
  const bool ipv6 = settings.host.contains(':') && !settings.host.starts_with('[');
  return fmt::format("{}://{}:{}", settings.protocol,
                     ipv6 ? "[" + settings.host + "]" : settings.host, settings.port);
}

Core make_core(MicroServiceSettings settings) {
  if (!flow::is_endpoint_path(settings.endpoint)) {
    refuse(fmt::format("the microservice '{}' needs an endpoint like \"/v1/embeddings\", not '{}'",
                       settings.name, settings.endpoint));
  }
  auto core = std::make_shared<detail::MicroServiceCore>();
  core->settings = std::move(settings);
  return core;
}

MicroService local_service(MicroServiceSettings settings,
                           std::unique_ptr<api::FunctionService> own) {
  Core core = make_core(std::move(settings));
  core->own = std::move(own);
  core->step = std::make_unique<api::StepService>(*core->own);
  return MicroService(std::move(core));
}

/// What an answer's stream needs.
struct Kept {
  Core core;
  std::shared_ptr<void> tie;
};

base::Task<base::Result<contract::Reply>> ask(Core core, Json inputs, bool stream,
                                              base::Context context) {
  contract::JsonRequest request{.body = std::move(inputs), .stream = stream};
  co_return co_await core->service().call(std::move(request), std::move(context));
}

Task<Reply> ask_in_coroutine(Core core, Json inputs, CallOptions options) {
  const detail::Scope& scope = co_await api::CurrentScope{};
  api::Calling calling = api::call_within(scope.context.child(), options, scope.executor);
  contract::Reply reply = co_await api::Await<contract::Reply>(
      ask(core, std::move(inputs), options.stream, calling.context));
  // Owners: the streams of the answer.
  auto keep = std::make_shared<Kept>(std::move(core), std::move(calling.tie));
  co_return api::value_or_raise(api::to_reply(std::move(reply), nullptr, std::move(keep)));
}

}  // namespace

MicroService::MicroService(std::shared_ptr<detail::MicroServiceCore> core) noexcept
    : core_(std::move(core)) {}

MicroService MicroService::remote(MicroServiceSettings settings) {
  Core core = make_core(std::move(settings));
  const MicroServiceSettings& given = core->settings;
  services::RemoteSettings remote{
      .kind = contract::ServiceKind::custom,
      .endpoint = api::value_or_raise(http::Endpoint::parse(origin(given))),
      .path = given.endpoint,
      .model = {},
      .api_key = given.api_key,
      .label = fmt::format("the service '{}' at {}", given.name, origin(given))};
  core->remote =
      api::value_or_raise(services::RemoteService::create(std::move(remote), core->client));
  return MicroService(std::move(core));
}

MicroService MicroService::local(MicroServiceSettings settings, ServiceFunction function) {
  return local_service(std::move(settings),
                       std::make_unique<api::FunctionService>(std::move(function)));
}

MicroService MicroService::local(MicroServiceSettings settings, std::unique_ptr<Service> service) {
  if (!service) refuse(fmt::format("the microservice '{}' has no object", settings.name));
  return local_service(std::move(settings),
                       std::make_unique<api::FunctionService>(std::move(service)));
}

void MicroService::serve(MicroServiceSettings settings, ServiceFunction function) {
  local(std::move(settings), std::move(function)).serve();
}

const std::string& MicroService::name() const noexcept { return core_->settings.name; }
ServiceType MicroService::type() const noexcept { return core_->settings.type; }
bool MicroService::is_remote() const noexcept { return core_->remote != nullptr; }

std::string MicroService::endpoint_path() const {
  return origin(core_->settings) + core_->settings.endpoint;
}

Reply MicroService::call(Json inputs, CallOptions options) const {
  api::Calling calling = api::call_from_outside(options, core_->io.executor());
  contract::Reply reply = api::value_or_raise(
      core_->io.wait(ask(core_, std::move(inputs), options.stream, calling.context)));
  // Owners: the streams of the answer.
  auto keep = std::make_shared<Kept>(core_, std::move(calling.tie));
  return api::value_or_raise(api::to_reply(std::move(reply), &core_->io, std::move(keep)));
}

Task<Reply> MicroService::async_call(Json inputs, CallOptions options) const {
  return ask_in_coroutine(core_, std::move(inputs), std::move(options));
}

Server MicroService::start() const {
  const MicroServiceSettings& settings = core_->settings;
  if (core_->remote) {
    refuse(
        fmt::format("the microservice '{}' is remote: another process serves it", settings.name));
  }
  return api::start_server({.name = settings.name,
                            .host = settings.host,
                            .port = settings.port,
                            .description = settings.description,
                            .threads = settings.threads,
                            .timeout = settings.timeout},
                           gateway::custom_routes(*core_->own, settings.endpoint),
                           {{settings.name, core_->own.get()}}, core_);
}

void MicroService::serve() const { start().wait(); }

namespace api {

base::Result<Reply> to_reply(contract::Reply reply, IoThread* thread, std::shared_ptr<void> keep) {
  if (auto* json = std::get_if<contract::JsonReply>(&reply)) return Reply(std::move(json->body));
  if (auto* bytes = std::get_if<contract::BytesReply>(&reply)) {
    return Reply(
        Bytes{.content_type = std::move(bytes->content_type), .bytes = std::move(bytes->bytes)});
  }
  if (auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&reply)) {
    return Reply(make_stream(std::move(*stream), thread, std::move(keep)));
  }
  return base::fail(base::ErrorCode::internal, "it answered with another kind of reply");
}

}  // namespace api
}  // namespace opaline
