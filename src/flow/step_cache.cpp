#include "flow/step_cache.hpp"

#include <boost/json/serialize.hpp>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace opaline::flow {
namespace {

/// Sets what the answer says it cost to 0.
void clear_usage(boost::json::value& answer) {
  auto* object = answer.if_object();
  auto* usage = object ? object->if_contains("usage") : nullptr;
  if (usage == nullptr) return;
  std::vector<boost::json::value*> open{usage};
  while (!open.empty()) {
    boost::json::value& one = *open.back();
    open.pop_back();
    if (one.is_number()) one = 0;
    if (auto* inside = one.if_object()) {
      for (auto& [key, value] : *inside) open.push_back(&value);
    }
  }
}

}  // namespace

StepCache::StepCache(contract::Service& service, Settings settings)
    : service_(service), settings_(std::move(settings)) {
  OPALINE_ASSERT(service.kind() == contract::ServiceKind::custom);
}

base::Task<base::Result<contract::Reply>> StepCache::call(contract::Request request,
                                                          base::Context context) {
  const auto* asked = std::get_if<contract::JsonRequest>(&request);
  if (asked == nullptr || asked->stream) {
    co_return co_await service_.call(std::move(request), std::move(context));
  }
  // What one tenant was told is no other's business.
  std::string key = context.tenant + '\n' + boost::json::serialize(asked->body);
  if (auto answer = find(key)) co_return contract::JsonReply{.body = *std::move(answer)};
  auto reply = co_await service_.call(std::move(request), std::move(context));
  if (reply) {
    if (const auto* answer = std::get_if<contract::JsonReply>(&*reply)) {
      keep(std::move(key), answer->body);
    }
  }
  co_return reply;
}

std::optional<boost::json::value> StepCache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(key);
  if (place == places_.end()) return {};
  if (place->second->until <= settings_.now()) {
    drop(place->second);
    return {};
  }
  entries_.splice(entries_.begin(), entries_, place->second);
  return entries_.front().answer;
}

void StepCache::keep(std::string key, boost::json::value answer) {
  if (settings_.generates) clear_usage(answer);
  const std::size_t bytes = key.size() + boost::json::serialize(answer).size();
  if (bytes > settings_.bytes_max) return;
  const std::lock_guard lock(mutex_);
  // Somebody else may have asked the same meanwhile.
  if (const auto place = places_.find(key); place != places_.end()) drop(place->second);
  while (bytes_ + bytes > settings_.bytes_max) drop(std::prev(entries_.end()));
  entries_.push_front({.key = std::move(key),
                       .answer = std::move(answer),
                       .bytes = bytes,
                       .until = settings_.now() + settings_.keep});
  places_.emplace(entries_.front().key, entries_.begin());
  bytes_ += bytes;
}

void StepCache::drop(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes;
  places_.erase(entry->key);
  entries_.erase(entry);
}

std::size_t StepCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace opaline::flow
