#include "flow/service_address.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

namespace opaline::flow {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kUrlBytes = 2048;
constexpr std::size_t kSocketPathBytes = 107;  // sockaddr_un::sun_path, less its end.
constexpr std::size_t kPathBytes = 512;

}  // namespace

bool is_url(std::string_view text) { return text.contains("://") || text.starts_with(kUnix); }

std::expected<ServiceAddress, std::string> split_url(std::string_view text) {
  if (text.size() > kUrlBytes) return std::unexpected("a URL has at most 2048 bytes");
  if (text.starts_with(kUnix)) {
    const std::string_view path = text.substr(kUnix.size());
    if (!path.starts_with('/') || path.starts_with("//")) {
      return std::unexpected("a socket has an absolute path: unix:/run/service.sock");
    }
    if (path.size() > kSocketPathBytes) {
      return std::unexpected("the path of a socket has at most 107 bytes");
    }
    return ServiceAddress{.origin = std::string(text), .path = {}};
  }
  if (text.contains("${") || text.contains("{{")) {
    return std::unexpected("variables are not replaced in a flow file; write the URL out");
  }
  const auto url = boost::urls::parse_uri(boost::urls::string_view(text.data(), text.size()));
  if (!url) return std::unexpected("expected a URL: http://host:port/path");
  if (url->scheme_id() != boost::urls::scheme::http &&
      url->scheme_id() != boost::urls::scheme::https) {
    return std::unexpected("a service is reached by http://, https:// or unix:");
  }
  if (url->has_userinfo()) {
    return std::unexpected("a password must not stand in the file; use 'api_key: env:NAME'");
  }
  if (url->host().empty()) return std::unexpected("the URL has no host");
  if (url->has_port()) {
    const auto digits = url->port();
    unsigned port = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (port < 1 || port > 65535) {
      return std::unexpected("the port of the URL is no number 1 … 65535");
    }
  }
  if (url->has_query() || url->has_fragment()) {
    return std::unexpected("the URL of a service has no '?' and no '#'");
  }
  std::string path(url->encoded_path());
  if (path == "/") path.clear();
  return ServiceAddress{.origin = std::string(url->encoded_origin()), .path = std::move(path)};
}

bool is_endpoint_path(std::string_view text) {
  return text.starts_with('/') && !text.starts_with("//") && text.size() <= kPathBytes &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("/-._~:@!$&'()*+,;=%").contains(c);
         });
}

std::string local_address(std::string_view host) {
  if (host == "localhost") return "127.0.0.1";
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(host), error);
  if (error || !(address.is_loopback() || address.is_unspecified())) return {};
  return address.to_string();
}

bool is_ip_address(std::string_view text) {
  boost::system::error_code error;
  (void)boost::asio::ip::make_address(std::string(text), error);
  return !error;
}

}  // namespace opaline::flow
