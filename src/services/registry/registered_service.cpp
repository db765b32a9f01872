#include "services/registry/registered_service.hpp"

#include <set>
#include <utility>

#include "base/log.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;
using base::Result;

Result<void> check_request(const std::string& name, const contract::JsonShape& shape,
                           const contract::Request& request) {
  const auto* asked = std::get_if<contract::JsonRequest>(&request);
  const auto wrong = asked == nullptr ? std::nullopt : shape.misfit(asked->body);
  if (!wrong) return {};
  return base::fail(ErrorCode::invalid_argument,
                    "this is not what the service '" + name + "' takes: " + *wrong);
}

Result<void> check_reply(const std::string& name, const ServiceRegistry::Turn& turn,
                         const contract::Reply& reply) {
  const auto* answer = std::get_if<contract::JsonReply>(&reply);
  const auto wrong = answer == nullptr ? std::nullopt : turn.output.misfit(answer->body);
  if (!wrong) return {};
  return base::fail(ErrorCode::internal, "the service '" + name + "' at " + turn.url +
                                             ": its answer is not what it registered: " + *wrong);
}

}  // namespace

RegisteredService::RegisteredService(std::string name, ServiceRegistry& registry, Reach reach)
    : name_(std::move(name)), registry_(registry), reach_(std::move(reach)) {}

base::Task<Result<contract::Reply>> RegisteredService::call(contract::Request request,
                                                            base::Context context) {
  std::set<std::string> asked;  // That could not be reached.
  base::Error unheard;
  for (;;) {
    auto turn = registry_.next(name_, asked);
    if (!turn) co_return base::fail(asked.empty() ? std::move(turn).error() : std::move(unheard));
    OPALINE_CO_TRY_DO(check_request(name_, turn->input, request));
    OPALINE_CO_TRY(const auto service, reach_(turn->url));
    contract::Request sent = turn->others > 0 ? request : std::move(request);
    auto reply = co_await service->call(std::move(sent), context);
    if (reply) {
      OPALINE_CO_TRY_DO(check_reply(name_, *turn, *reply));
      co_return reply;
    }
    unheard = std::move(reply).error();
    if (!unheard.unsent) co_return base::fail(std::move(unheard));
    base::log(base::LogLevel::warning, "service_instance_unreachable",
              {{"request_id", context.request_id},
               {"service", name_},
               {"url", turn->url},
               {"message", unheard.message},
               {"detail", unheard.detail}});
    asked.insert(turn->url);
    if (turn->others == 0) break;
  }
  if (asked.size() > 1) {
    unheard.message = "none of the " + std::to_string(asked.size()) +
                      " instances of the service '" + name_ +
                      "' can be reached; the last: " + unheard.message;
  }
  co_return base::fail(std::move(unheard));
}

contract::Health RegisteredService::health() const {
  const auto card = registry_.find(name_);
  if (!card) {
    return {.state = contract::Health::State::starting, .reason = "it has not registered itself"};
  }
  contract::Health best{.state = contract::Health::State::failed, .reason = "no instance is ready"};
  for (const auto& one : card->instances) {
    if (one.instance.health.state == contract::Health::State::ready) return {};
    best = one.instance.health;
  }
  return best;
}

}  // namespace opaline::services
