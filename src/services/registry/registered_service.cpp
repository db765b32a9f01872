#include "services/registry/registered_service.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace opaline::services {
namespace json = boost::json;
namespace {

std::string_view type_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "boolean";
    case json::kind::int64:
    case json::kind::uint64: return "integer";
    case json::kind::double_: return "number";
    case json::kind::string: return "string";
    case json::kind::array: return "array";
    case json::kind::object: return "object";
  }
  return "";
}

}  // namespace

std::string misfit(const json::object& schema, const json::value& value) {
  if (const json::value* type = schema.if_contains("type"); type != nullptr && type->is_string()) {
    const std::string_view wanted = type->get_string();
    const std::string_view found = type_name(value);
    if (found != wanted && !(wanted == "number" && found == "integer")) {
      return "expected " + std::string(wanted) + ", got " + std::string(found);
    }
  }
  const json::value* required = schema.if_contains("required");
  const json::object* object = value.if_object();
  if (required == nullptr || !required->is_array() || object == nullptr) return {};
  for (const json::value& field : required->get_array()) {
    if (field.is_string() && !object->contains(field.get_string())) {
      return "field '" + std::string(field.get_string()) + "' is missing";
    }
  }
  return {};
}

RegisteredService::RegisteredService(std::string name, ServiceRegistry& registry, Reach reach)
    : name_(std::move(name)), registry_(registry), reach_(std::move(reach)) {}

base::Task<base::Result<contract::Reply>> RegisteredService::call(contract::Request request,
                                                                  base::Context context) {
  OPALINE_CO_TRY(const ServiceRegistry::Turn turn, registry_.next(name_));
  OPALINE_CO_TRY(contract::Service * service, at(turn.url));
  OPALINE_CO_TRY(contract::Reply reply,
                 co_await service->call(std::move(request), std::move(context)));
  if (const auto* answer = std::get_if<contract::JsonReply>(&reply)) {
    const std::string wrong = misfit(turn.card->output_schema, answer->body);
    if (!wrong.empty()) {
      co_return base::fail(base::ErrorCode::internal,
                           "the service '" + name_ + "' at " + turn.url +
                               " does not answer as it declared: " + wrong);
    }
  }
  co_return reply;
}

base::Result<contract::Service*> RegisteredService::at(const std::string& url) {
  const std::lock_guard lock(mutex_);
  const auto found = reached_.find(url);
  if (found != reached_.end()) return found->second.get();
  // A stream may still be at one of an old instance, so none is ever dropped; their number is.
  if (reached_.size() >= limits::kReachedInstances) {
    return base::fail(base::ErrorCode::resource_exhausted,
                      "the service '" + name_ + "' was at too many places; restart the server");
  }
  OPALINE_TRY(auto service, reach_(url));
  return reached_.emplace(url, std::move(service)).first->second.get();
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
