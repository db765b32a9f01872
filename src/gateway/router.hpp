#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/route.hpp"

namespace opaline::gateway {

/// Finds the route of a method and a path. Immutable: any thread.
class Router {
 public:
  struct Match {
    const Route* route = nullptr;  ///< Null: no route has that path, or none of them that method.
    std::string id;
    std::string
        allow;  ///< The methods that the path knows, "GET, POST"; empty for an unknown path.
  };

  /// No two routes may have the same method and pattern; the first one wins, so that a flow's own
  /// endpoint can stand on a path that is routed anyway.
  explicit Router(std::vector<Route> routes);

  /// A path without {id} goes before one with it, and a longer pattern before a shorter one. One
  /// slash at the end is ignored; HEAD is answered as GET.
  [[nodiscard]] Match find(std::string_view method, std::string_view path) const;
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Pattern {
    std::string before;  // Up to {id} …
    std::string after;   // … and from it on.
    std::map<std::string, std::size_t, std::less<>> methods;
  };

  [[nodiscard]] Match matched(const Pattern& pattern, std::string_view method,
                              std::string_view id) const;

  std::vector<Route> routes_;
  std::map<std::string, Pattern, std::less<>> exact_;
  std::vector<Pattern> patterns_;  // Longest first.
};

}  // namespace opaline::gateway
