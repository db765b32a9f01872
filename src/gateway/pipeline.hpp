#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/metric.hpp"
#include "base/result.hpp"
#include "gateway/authenticator.hpp"
#include "gateway/ledger.hpp"
#include "gateway/origin_policy.hpp"
#include "gateway/router.hpp"
#include "gateway/settings.hpp"
#include "http/server.hpp"

namespace opaline::gateway {

/// What happens to every request, whatever it asks for:
///
///   request id → origin → route → authenticate → rate limit → the route's answer → headers,
///   metrics, log
///
/// Errors of any of them become the reply of error_reply.hpp. Immutable but for its counters: any
/// I/O thread.
class Pipeline {
 public:
  /// Answers a GET of a path that no route has (the console's files); nothing: 404.
  using Fallback = std::function<std::optional<http::Response>(const http::Request&)>;

  /// `ledger` must outlive this. @error of Authenticator::create.
  [[nodiscard]] static base::Result<std::unique_ptr<Pipeline>> create(GatewaySettings settings,
                                                                      std::vector<Route> routes,
                                                                      Ledger& ledger,
                                                                      Fallback fallback);

  base::Task<http::Response> answer(http::Request request, base::Context context);
  [[nodiscard]] http::RequestLimits limits_for(const http::Request& request) const;
  [[nodiscard]] http::Response refuse(unsigned status, const base::Error& error,
                                      const std::string& request_id);

  /// answer() as the server takes it, and the other two put into its settings. Each refers to this
  /// pipeline.
  [[nodiscard]] http::Handler request_handler();
  void install(http::ServerSettings& server);

  [[nodiscard]] const Router& router() const { return router_; }

 private:
  Pipeline(GatewaySettings settings, std::vector<Route> routes, Ledger& ledger, Fallback fallback,
           Authenticator authenticator);

  /// What of a request is needed after it has moved into its route.
  struct Seen {
    std::string method;
    std::string path;
    std::string origin;
    std::string handler = "other";  ///< The route's pattern, for metrics.
    Route::Cost cost = Route::Cost::light;
    ErrorShape errors = ErrorShape::opaline;
    std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  };

  base::Task<http::Response> admit(http::Request request, base::Context context,
                                   std::shared_ptr<Seen> seen);
  /// Takes one request from a caller's limit. @param decision what the limiter said, for headers;
  /// nothing without a limit.
  base::Result<void> charge(const std::string& caller,
                            std::optional<RateLimiter::Decision>& decision);
  base::Task<http::Response> answer_route(const Route* route, Call call,
                                          std::shared_ptr<Seen> seen);
  [[nodiscard]] ErrorShape shape_of(const Route& route) const;
  [[nodiscard]] http::Response unrouted(const http::Request& request, const base::Context& context,
                                        const Router::Match& match, Seen& seen);
  [[nodiscard]] http::Response fail(base::Error error, const base::Context& context,
                                    const Seen& seen);
  void finish(http::Response& reply, const base::Context& context, const Seen& seen);

  GatewaySettings settings_;
  Router router_;
  GatewayMetrics& metrics_;
  Fallback fallback_;
  Authenticator authenticator_;
  OriginPolicy origins_;
  RateLimiter* limiter_;  // Null without a limit.
};

}  // namespace opaline::gateway
