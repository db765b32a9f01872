#include "gateway/pipeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/random.hpp"

namespace opaline::gateway {
namespace {

using base::ErrorCode;
using base::LogLevel;

constexpr std::string_view kJsonPolicy = "default-src 'none'; frame-ancestors 'none'";
constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
    "'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

void secure(http::Response& reply) {
  const bool page = reply.headers.get("Content-Type").starts_with("text/html");
  reply.headers.set("Content-Security-Policy", std::string(page ? kPagePolicy : kJsonPolicy));
  reply.headers.set("X-Content-Type-Options", "nosniff");
  reply.headers.set("Referrer-Policy", "no-referrer");
  if (page) reply.headers.set("Cross-Origin-Opener-Policy", "same-origin");
  if (!reply.headers.find("Cache-Control")) reply.headers.set("Cache-Control", "no-store");
}

/// The address without its port: one client, however many connections it opens.
std::string_view address(std::string_view peer) {
  const auto colon = peer.rfind(':');
  return colon == std::string_view::npos ? peer : peer.substr(0, colon);
}

std::int64_t whole_seconds(std::chrono::milliseconds time, std::int64_t least = 0) {
  return std::max(least, (time.count() + 999) / 1000);
}

// A label has few values, whatever clients send.
std::string_view known_method(std::string_view method) {
  constexpr std::array<std::string_view, 7> kMethods = {"GET",   "POST", "DELETE", "PUT",
                                                        "PATCH", "HEAD", "OPTIONS"};
  return std::ranges::find(kMethods, method) == kMethods.end() ? "other" : method;
}

void describe(http::Response& reply, const RateLimiter::Decision& decision) {
  reply.headers.set("X-RateLimit-Limit-Requests", std::to_string(decision.limit));
  reply.headers.set("X-RateLimit-Remaining-Requests", std::to_string(decision.remaining));
  reply.headers.set("X-RateLimit-Reset-Requests",
                    std::to_string(whole_seconds(decision.reset)) + "s");
  if (!decision.allowed) {
    reply.headers.set("Retry-After", std::to_string(whole_seconds(decision.retry_after, 1)));
  }
}

bool limited(Route::Cost cost) { return cost != Route::Cost::light && cost != Route::Cost::listen; }

}  // namespace

base::Result<std::unique_ptr<Pipeline>> Pipeline::create(GatewaySettings settings,
                                                         std::vector<Route> routes, Ledger& ledger,
                                                         Fallback fallback) {
  OPALINE_TRY(Authenticator authenticator, Authenticator::create(settings.keys));
  return std::unique_ptr<Pipeline>(new Pipeline(std::move(settings), std::move(routes), ledger,
                                                std::move(fallback), std::move(authenticator)));
}

Pipeline::Pipeline(GatewaySettings settings, std::vector<Route> routes, Ledger& ledger,
                   Fallback fallback, Authenticator authenticator)
    : settings_(std::move(settings)),
      router_(std::move(routes)),
      metrics_(ledger.metrics),
      fallback_(std::move(fallback)),
      authenticator_(std::move(authenticator)),
      origins_(settings_.origins, settings_.hosts),
      limiter_(ledger.limiter.get()) {}

base::Task<http::Response> Pipeline::answer(http::Request request, base::Context context) {
  if (context.request_id.empty()) context.request_id = base::random_hex(16);
  // Owners: this frame and those of the calls below, which all end before it.
  auto seen = std::make_shared<Seen>();
  seen->method = request.method;
  seen->path = request.path;
  seen->origin = request.headers.get("Origin");
  http::Response reply = co_await admit(std::move(request), context, seen);
  finish(reply, context, *seen);
  co_return reply;
}

base::Task<http::Response> Pipeline::admit(http::Request request, base::Context context,
                                           std::shared_ptr<Seen> seen) {
  const Router::Match match = router_.find(request.method, request.path);
  if (match.route != nullptr) seen->errors = shape_of(*match.route);
  if (request.method == "OPTIONS" && !match.allow.empty())
    co_return origins_.preflight(request, match.allow);
  if (auto ours = origins_.check(request); !ours) co_return fail(ours.error(), context, *seen);
  if (match.route == nullptr) co_return unrouted(request, context, match, *seen);

  const Route& route = *match.route;
  seen->handler = route.pattern;
  seen->cost = route.cost;
  if (route.access == Route::Access::keyed) {
    auto principal = authenticator_.principal(request.headers);
    if (!principal) co_return fail(principal.error(), context, *seen);
    context.principal = *std::move(principal);
  }

  const std::string caller = authenticator_.required()
                                 ? "key:" + context.principal
                                 : "peer:" + std::string(address(request.peer));
  std::optional<RateLimiter::Decision> decision;
  if (limited(route.cost)) {
    if (auto charged = charge(caller, decision); !charged) {
      auto reply = fail(charged.error(), context, *seen);
      describe(reply, *decision);
      co_return reply;
    }
  }
  Call call{.request = std::move(request),
            .context = std::move(context),
            .id = match.id,
            .query = nullptr,
            .charge = [this, caller] {
              std::optional<RateLimiter::Decision> unseen;
              return charge(caller, unseen);
            }};
  auto reply = co_await answer_route(&route, std::move(call), std::move(seen));
  if (decision) describe(reply, *decision);
  co_return reply;
}

base::Result<void> Pipeline::charge(const std::string& caller,
                                    std::optional<RateLimiter::Decision>& decision) {
  if (limiter_ == nullptr) return {};
  decision = limiter_->take(caller, std::chrono::steady_clock::now());
  if (decision->allowed) return {};
  return base::fail(ErrorCode::resource_exhausted,
                    fmt::format("too many requests: {} a minute are allowed; wait {} s",
                                settings_.rate_limit.requests_per_minute,
                                whole_seconds(decision->retry_after, 1)));
}

base::Task<http::Response> Pipeline::answer_route(const Route* route, Call call,
                                                  std::shared_ptr<Seen> seen) {
  const base::Context context = call.context;
  std::shared_ptr<QueryRecord> query;
  if (route->cost == Route::Cost::query)
    query = std::make_shared<QueryRecord>(metrics_, route->pattern, context);
  call.query = query;

  base::Result<http::Response> answered =
      base::fail(ErrorCode::internal, "something went wrong on our side");
  try {
    answered = co_await route->answer(std::move(call));
  } catch (...) {
    base::log_exception("request_threw", std::current_exception());
    base::log(LogLevel::error, "request_threw",
              {{"request_id", context.request_id},
               {"trace_id", context.trace.trace_id_hex()},
               {"path", seen->path}});
  }
  if (!answered) {
    if (query) query->failed(answered.error(), status_of(answered.error(), seen->errors));
    co_return fail(answered.error(), context, *seen);
  }
  // A stream keeps its record and ends it itself.
  if (query && !answered->stream) query->succeeded(answered->status);
  co_return *std::move(answered);
}

ErrorShape Pipeline::shape_of(const Route& route) const {
  const bool opea = route.opea || route.errors == ErrorShape::opea;
  return opea && settings_.errors == ErrorForm::opea ? ErrorShape::opea_alone : route.errors;
}

http::Response Pipeline::unrouted(const http::Request& request, const base::Context& context,
                                  const Router::Match& match, Seen& seen) {
  const bool opea = settings_.errors == ErrorForm::opea;
  if (opea) seen.errors = ErrorShape::opea_alone;
  if (!match.allow.empty()) {
    const base::Error error{ErrorCode::invalid_argument,
                            opea ? "Method Not Allowed"
                                 : fmt::format("{} does not take {}; it takes {}", request.path,
                                               request.method, match.allow),
                            ""};
    metrics_.error(error.code);
    auto reply = error_reply(405, error, context.request_id, seen.errors);
    reply.headers.set("Allow", match.allow + ", OPTIONS");
    return reply;
  }
  if (fallback_ && (request.method == "GET" || request.method == "HEAD")) {
    if (auto file = fallback_(request)) {
      seen.handler = "console";
      return *std::move(file);
    }
  }
  if (!opea && request.path.starts_with("/v1/dataprep/")) seen.errors = ErrorShape::opea;
  return fail({ErrorCode::not_found,
               opea ? "Not Found"
                    : fmt::format("there is nothing at {} {}; /docs lists what there is",
                                  request.method, request.path),
               ""},
              context, seen);
}

http::Response Pipeline::fail(base::Error error, const base::Context& context, const Seen& seen) {
  // The deadline stops the work of a request by cancelling it; the client should hear why.
  if (error.code == ErrorCode::cancelled && context.expired()) {
    error.code = ErrorCode::deadline_exceeded;
    error.message += " The time for this request is over.";
  }
  metrics_.error(error.code);
  if (seen.cost != Route::Cost::query) {  // A query has a record of its own.
    const bool ours = status_of(error) >= 500;
    base::log(ours ? LogLevel::warning : LogLevel::info, "request_failed",
              {{"request_id", context.request_id},
               {"trace_id", context.trace.trace_id_hex()},
               {"path", seen.path},
               {"code", base::name(error.code)},
               {"message", logged_message(error)},
               {"detail", error.detail}});
  }
  return error_reply(error, context.request_id, seen.errors);
}

void Pipeline::finish(http::Response& reply, const base::Context& context, const Seen& seen) {
  secure(reply);
  origins_.permit(seen.origin, reply);
  reply.headers.set("X-Request-Id", context.request_id);
  metrics_.request(seen.handler, known_method(seen.method), reply.status);
  const auto took = std::chrono::steady_clock::now() - seen.begun;
  base::log(LogLevel::debug, "request",
            {{"request_id", context.request_id},
             {"trace_id", context.trace.trace_id_hex()},
             {"method", seen.method},
             {"path", seen.path},
             {"status", reply.status},
             {"ms", std::chrono::duration<double, std::milli>(took).count()}});
}

http::Handler Pipeline::request_handler() {
  return [this](http::Request request, base::Context context) {
    return answer(std::move(request), std::move(context));
  };
}

void Pipeline::install(http::ServerSettings& server) {
  server.limits_for = [this](const http::Request& request) { return limits_for(request); };
  server.refuse = [this](unsigned status, const base::Error& error, const std::string& request_id) {
    return refuse(status, error, request_id);
  };
}

http::RequestLimits Pipeline::limits_for(const http::Request& request) const {
  http::RequestLimits limits{.body_bytes = settings_.body_bytes, .time = settings_.request_time};
  const Router::Match match = router_.find(request.method, request.path);
  if (match.route == nullptr) return limits;
  switch (match.route->cost) {
    case Route::Cost::light:
    case Route::Cost::query: break;
    case Route::Cost::heavy:
      limits.body_bytes = std::max(limits.body_bytes, settings_.service_body_bytes);
      break;
    case Route::Cost::upload:
      limits = {.body_bytes = settings_.upload_bytes, .time = settings_.ingest_time};
      break;
    case Route::Cost::listen: limits.time = std::chrono::hours(24); break;
  }
  return limits;
}

http::Response Pipeline::refuse(unsigned status, const base::Error& error,
                                const std::string& request_id) {
  metrics_.error(error.code);
  metrics_.request("refused", "other", status);
  base::log(LogLevel::info, "request_refused",
            {{"request_id", request_id},
             {"status", status},
             {"code", base::name(error.code)},
             {"message", error.message},
             {"detail", error.detail}});
  const bool opea = settings_.errors == ErrorForm::opea;
  auto reply =
      error_reply(status, error, request_id, opea ? ErrorShape::opea_alone : ErrorShape::opaline);
  secure(reply);
  reply.headers.set("X-Request-Id", request_id);
  return reply;
}

}  // namespace opaline::gateway
