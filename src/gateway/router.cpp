#include "gateway/router.hpp"

#include <algorithm>

namespace opaline::gateway {
namespace {

constexpr std::string_view kHole = "{id}";

}  // namespace

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    const Route& route = routes_[i];
    const auto hole = route.pattern.find(kHole);
    if (hole == std::string::npos) {
      exact_[route.pattern].methods.emplace(route.method, i);
      continue;
    }
    std::string before = route.pattern.substr(0, hole);
    std::string after = route.pattern.substr(hole + kHole.size());
    auto same = std::ranges::find_if(
        patterns_, [&](const Pattern& one) { return one.before == before && one.after == after; });
    if (same == patterns_.end()) {
      patterns_.push_back({std::move(before), std::move(after), {}});
      same = std::prev(patterns_.end());
    }
    same->methods.emplace(route.method, i);
  }
  std::ranges::sort(patterns_, std::greater(),
                    [](const Pattern& one) { return one.before.size() + one.after.size(); });
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (const auto found = exact_.find(path); found != exact_.end())
    return matched(found->second, method, "");
  for (const Pattern& pattern : patterns_) {
    if (path.size() <= pattern.before.size() + pattern.after.size()) continue;
    if (!path.starts_with(pattern.before) || !path.ends_with(pattern.after)) continue;
    const auto id = path.substr(pattern.before.size(),
                                path.size() - pattern.before.size() - pattern.after.size());
    return matched(pattern, method, id);
  }
  return {};
}

Router::Match Router::matched(const Pattern& pattern, std::string_view method,
                              std::string_view id) const {
  Match match;
  match.id = id;
  for (const auto& [name, index] : pattern.methods) {
    match.allow += match.allow.empty() ? name : ", " + name;
  }
  auto found = pattern.methods.find(method);
  if (found == pattern.methods.end() && method == "HEAD") found = pattern.methods.find("GET");
  if (found != pattern.methods.end()) match.route = &routes_[found->second];
  return match;
}

}  // namespace opaline::gateway
