#include "services/registry/service_registry.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <utility>

#include "base/limits.hpp"
#include "contract/service.hpp"
#include "http/endpoint.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;

base::Result<void> check(std::string_view name, const ServiceInstance& instance,
                         const ServiceCard& card) {
  const auto wrong = [](std::string message) {
    return base::fail(ErrorCode::invalid_argument, std::move(message));
  };
  if (!contract::is_service_name(name)) {
    return wrong("a name of a service has 1 … 64 of the characters A-Z a-z 0-9 _ . -");
  }
  const auto endpoint = http::Endpoint::parse(instance.url);
  if (!endpoint) return wrong("field 'url': " + endpoint.error().message);
  // A client must not make the flow speak to any socket file that this process may open.
  if (endpoint->scheme == http::Endpoint::Scheme::unix_socket) {
    return wrong("field 'url': a service that registers itself is at http://… or https://…, not '" +
                 instance.url + "'");
  }
  if (instance.lease < std::chrono::seconds(1) || instance.lease > limits::kServiceLease) {
    return wrong("field 'lease_seconds' must be between 1 and " +
                 std::to_string(limits::kServiceLease.count()));
  }
  const std::size_t bytes = card.description.size() +
                            boost::json::serialize(card.input_schema).size() +
                            boost::json::serialize(card.output_schema).size();
  if (bytes > limits::kServiceCardBytes) {
    return wrong("description and schemas are too long: together at most " +
                 std::to_string(limits::kServiceCardBytes) + " bytes");
  }
  return {};
}

base::Result<contract::JsonShape> shape_of(const boost::json::object& schema,
                                           std::string_view field) {
  auto shape = contract::JsonShape::read(schema);
  if (shape) return shape;
  return base::fail(ErrorCode::invalid_argument,
                    "field '" + std::string(field) + "': " + shape.error().message);
}

}  // namespace

ServiceRegistry::ServiceRegistry(std::function<Clock::time_point()> now) : now_(std::move(now)) {}

base::Result<bool> ServiceRegistry::put(std::string_view name, ServiceInstance instance,
                                        ServiceCard card) {
  OPALINE_TRY_DO(check(name, instance, card));
  OPALINE_TRY(auto input, shape_of(card.input_schema, "input_schema"));
  OPALINE_TRY(auto output, shape_of(card.output_schema, "output_schema"));
  const std::lock_guard lock(mutex_);
  forget_expired();
  auto found = entries_.find(name);
  if (found == entries_.end()) {
    if (entries_.size() >= limits::kRegisteredServices) {
      return base::fail(ErrorCode::resource_exhausted, "too many services are registered");
    }
    found = entries_.emplace(std::string(name), Entry{}).first;
  }
  Entry& entry = found->second;
  const bool is_new = !entry.instances.contains(instance.url);
  if (is_new && entry.instances.size() >= limits::kServiceInstances) {
    return base::fail(ErrorCode::resource_exhausted,
                      "the service '" + std::string(name) + "' has too many instances");
  }
  entry.card = std::move(card);
  entry.input = std::move(input);
  entry.output = std::move(output);
  const auto until = now_() + instance.lease;
  std::string url = instance.url;
  entry.instances.insert_or_assign(std::move(url),
                                   Instance{.instance = std::move(instance), .until = until});
  return is_new;
}

base::Result<void> ServiceRegistry::remove(std::string_view name, std::string_view url) {
  const std::lock_guard lock(mutex_);
  forget_expired();
  const auto found = entries_.find(name);
  const bool gone =
      found == entries_.end() || (!url.empty() && !found->second.instances.contains(url));
  if (gone) {
    return base::fail(ErrorCode::not_found,
                      "no such service is registered: it may have been "
                      "forgotten when its lease ended");
  }
  if (!url.empty()) found->second.instances.erase(found->second.instances.find(url));
  if (url.empty() || found->second.instances.empty()) entries_.erase(found);
  return {};
}

std::vector<RegisteredCard> ServiceRegistry::list() {
  const std::lock_guard lock(mutex_);
  forget_expired();
  std::vector<RegisteredCard> all;
  for (const auto& [name, entry] : entries_) all.push_back(card_of(name, entry));
  return all;
}

std::vector<std::string> ServiceRegistry::names() {
  const std::lock_guard lock(mutex_);
  forget_expired();
  std::vector<std::string> all;
  for (const auto& [name, entry] : entries_) all.push_back(name);
  return all;
}

std::optional<RegisteredCard> ServiceRegistry::find(std::string_view name) {
  const std::lock_guard lock(mutex_);
  forget_expired();
  const auto found = entries_.find(name);
  if (found == entries_.end()) return {};
  return card_of(found->first, found->second);
}

base::Result<ServiceRegistry::Turn> ServiceRegistry::next(std::string_view name,
                                                          const std::set<std::string>& asked) {
  const std::lock_guard lock(mutex_);
  forget_expired();
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    return base::fail(ErrorCode::unavailable,
                      "no service is registered as '" + std::string(name) +
                          "': start one, or see that it renews its lease in time");
  }
  Entry& entry = found->second;
  const std::size_t count = entry.instances.size();
  const std::size_t first = entry.turn % count;
  auto instance = std::next(entry.instances.begin(), static_cast<std::ptrdiff_t>(first));
  Turn turn{.url = {}, .input = entry.input, .output = entry.output};
  for (std::size_t looked = 0; looked < count; ++looked, ++instance) {
    if (instance == entry.instances.end()) instance = entry.instances.begin();
    const auto& [url, one] = *instance;
    if (one.instance.health.state != contract::Health::State::ready || asked.contains(url))
      continue;
    if (turn.url.empty()) {
      turn.url = url;
      entry.turn = first + looked + 1;
    } else {
      ++turn.others;
    }
  }
  if (!turn.url.empty()) return turn;
  return base::fail(ErrorCode::unavailable,
                    "the service '" + std::string(name) + "' says that it is not ready: " +
                        entry.instances.begin()->second.instance.health.reason);
}

void ServiceRegistry::forget_expired() {
  const auto now = now_();
  for (auto& [name, entry] : entries_) {
    std::erase_if(entry.instances, [now](const auto& one) { return one.second.until <= now; });
  }
  std::erase_if(entries_, [](const auto& one) { return one.second.instances.empty(); });
}

RegisteredCard ServiceRegistry::card_of(const std::string& name, const Entry& entry) const {
  RegisteredCard card{.name = name, .card = entry.card, .instances = {}};
  for (const auto& [url, one] : entry.instances) {
    card.instances.push_back({.instance = one.instance,
                              .left = std::chrono::ceil<std::chrono::seconds>(one.until - now_())});
  }
  return card;
}

}  // namespace opaline::services
