#include "gateway/origin_policy.hpp"

#include <algorithm>

namespace opaline::gateway {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

// "http://host:80" and Host "host" name one server: a default port may be left out on either side.
std::string authority(std::string_view origin) {
  std::string text = lower(origin);
  const bool tls = text.starts_with("https://");
  if (const auto scheme = text.find("://"); scheme != std::string::npos) text.erase(0, scheme + 3);
  const std::string_view port = tls ? ":443" : ":80";
  if (text.ends_with(port)) text.resize(text.size() - port.size());
  return text;
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

std::string host_name(std::string_view host) {
  std::string name = lower(host);
  if (name.starts_with('[')) return name.substr(0, name.find(']') + 1);
  return name.substr(0, name.find(':'));
}

}  // namespace

OriginPolicy::OriginPolicy(std::vector<std::string> origins, std::vector<std::string> hosts) {
  for (const std::string& origin : origins) {
    all_ = all_ || origin == "*";
    origins_.push_back(lower(origin));
  }
  for (const std::string& host : hosts) hosts_.push_back(lower(host));
}

base::Result<void> OriginPolicy::check(const http::Request& request) const {
  const std::string_view host = request.headers.get("Host");
  if (!hosts_.empty() && request.peer != "unix" && !contains(hosts_, host_name(host))) {
    return base::fail(base::ErrorCode::permission_denied,
                      "this server does not answer to that host name");
  }
  const auto origin = request.headers.find("Origin");
  if (!origin) {
    // Old browsers leave Origin out of a form post, but not this.
    if (all_ || request.headers.get("Sec-Fetch-Site") != "cross-site" || request.method == "GET")
      return {};
  } else if (authority(*origin) == authority(host) || listed(*origin)) {
    return {};
  }
  return base::fail(
      base::ErrorCode::permission_denied,
      "pages of other web sites may not use this server; allow their origin with --origin");
}

bool OriginPolicy::listed(std::string_view origin) const {
  return all_ || contains(origins_, lower(origin));
}

void OriginPolicy::permit(std::string_view origin, http::Response& reply) const {
  if (origin.empty() || origins_.empty()) return;
  reply.headers.set("Vary", "Origin");
  if (!listed(origin)) return;
  // Keys travel in headers that the page sets itself; cookies are not used, so credentials need no
  // leave.
  reply.headers.set("Access-Control-Allow-Origin", all_ ? "*" : std::string(origin));
  reply.headers.set(
      "Access-Control-Expose-Headers",
      "X-Request-Id, Retry-After, X-RateLimit-Limit-Requests, X-RateLimit-Remaining-Requests, "
      "X-RateLimit-Reset-Requests, Mcp-Session-Id");
}

http::Response OriginPolicy::preflight(const http::Request& request,
                                       const std::string& allow) const {
  http::Response reply;
  reply.status = 204;
  reply.headers.set("Allow", allow + ", OPTIONS");
  permit(request.headers.get("Origin"), reply);
  if (reply.headers.find("Access-Control-Allow-Origin")) {
    reply.headers.set("Access-Control-Allow-Methods", allow);
    reply.headers.set("Access-Control-Allow-Headers",
                      "Authorization, X-API-Key, Content-Type, X-Request-Id, traceparent, Prefer, "
                      "X-Request-Deadline-Ms, Mcp-Session-Id, MCP-Protocol-Version");
    reply.headers.set("Access-Control-Max-Age", "600");
  }
  return reply;
}

}  // namespace opaline::gateway
