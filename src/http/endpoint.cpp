#include "http/endpoint.hpp"

#include <algorithm>
#include <charconv>

#include "http/grammar.hpp"

namespace opaline::http {
namespace {

std::unexpected<base::Error> not_a_url(std::string_view url, std::string_view why) {
  return base::fail(base::ErrorCode::invalid_argument,
                    "'" + std::string(url) + "' is not a server's address: " + std::string(why) +
                        ". Expected http://host:port, https://host or unix:/path.");
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

/// "" or "/…" without a slash at the end; false when it has what must be encoded, or a query.
bool set_base_path(Endpoint& endpoint, std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  endpoint.base_path = path;
  return std::ranges::all_of(path,
                             [](char c) { return c > 0x20 && c < 0x7f && c != '?' && c != '#'; });
}

std::uint16_t default_port(Endpoint::Scheme scheme) {
  switch (scheme) {
    case Endpoint::Scheme::http: return 80;
    case Endpoint::Scheme::https: return 443;
    case Endpoint::Scheme::unix_socket: break;
  }
  return 0;
}

}  // namespace

base::Result<Endpoint> Endpoint::parse(std::string_view url) {
  Endpoint parsed;
  if (starts_with_ignoring_case(url, "unix:")) {
    auto rest = url.substr(5);
    if (rest.starts_with("//")) rest.remove_prefix(2);
    if (!rest.starts_with('/')) return not_a_url(url, "a Unix socket's path starts with '/'");
    const auto base = rest.find(":/");
    parsed.scheme = Scheme::unix_socket;
    parsed.port = 0;
    parsed.host = rest.substr(0, base);
    const bool valid =
        set_base_path(parsed, base == rest.npos ? std::string_view() : rest.substr(base + 1));
    if (!valid || !is_field_value(parsed.host))
      return not_a_url(url, "its path has characters that must be encoded");
    return parsed;
  }

  std::string_view rest;
  if (starts_with_ignoring_case(url, "http://")) {
    rest = url.substr(7);
  } else if (starts_with_ignoring_case(url, "https://")) {
    parsed.scheme = Scheme::https;
    rest = url.substr(8);
  } else {
    return not_a_url(url, "it names no scheme we speak");
  }
  const auto authority = rest.substr(0, rest.find_first_of("/?#"));
  if (!is_host(authority)) return not_a_url(url, "it names no host");
  if (!set_base_path(parsed, rest.substr(authority.size())))
    return not_a_url(url, "it has a query or a bad path");

  const auto bracket = authority.find(']');
  const auto colon = authority.find(':', bracket == authority.npos ? 0 : bracket);
  parsed.host =
      bracket == authority.npos ? authority.substr(0, colon) : authority.substr(1, bracket - 1);
  parsed.port = default_port(parsed.scheme);
  if (colon != authority.npos) {
    const auto digits = authority.substr(colon + 1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), parsed.port);
    if (read.ec != std::errc() || parsed.port == 0)
      return not_a_url(url, "its port is not 1 … 65535");
  }
  return parsed;
}

std::string Endpoint::authority() const {
  if (scheme == Scheme::unix_socket) return "localhost";
  std::string text = host.find(':') == host.npos ? host : "[" + host + "]";
  if (port != default_port(scheme)) text += ":" + std::to_string(port);
  return text;
}

std::string Endpoint::text() const {
  switch (scheme) {
    case Scheme::http: return "http://" + authority() + base_path;
    case Scheme::https: return "https://" + authority() + base_path;
    case Scheme::unix_socket: break;
  }
  return "unix:" + host + (base_path.empty() ? "" : ":" + base_path);
}

}  // namespace opaline::http
