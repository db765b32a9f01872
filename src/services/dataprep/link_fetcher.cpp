#include "services/dataprep/link_fetcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <charconv>
#include <memory>
#include <optional>

#include "http/client.hpp"
#include "services/dataprep/source_name.hpp"

namespace opaline::services::dataprep {
namespace {

namespace asio = boost::asio;
namespace urls = boost::urls;
using base::ErrorCode;
using base::Result;
using base::Task;

bool is_port(std::string_view digits) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size() && value >= 1 &&
         value <= 65535;
}

Result<urls::url> parse_link(std::string_view text) {
  if (text.size() > limits::kSourceNameBytes) {
    return base::fail(ErrorCode::invalid_argument,
                      fmt::format("the link {} is longer than {} bytes", in_quotes(text),
                                  limits::kSourceNameBytes));
  }
  const auto parsed = urls::parse_uri(urls::string_view(text.data(), text.size()));
  const auto refuse = [&](std::string_view why) {
    return base::fail(ErrorCode::invalid_argument,
                      fmt::format("the link {} {}", in_quotes(text), why));
  };
  if (!parsed) return refuse("is not a URL");
  urls::url url(*parsed);
  if (url.scheme_id() != urls::scheme::http && url.scheme_id() != urls::scheme::https) {
    return refuse("is neither http nor https");
  }
  if (url.host().empty()) return refuse("names no host");
  if (url.has_userinfo()) return refuse("carries a user name; leave it out");
  if (url.has_port() && !is_port(url.port())) return refuse("has no valid port");
  url.remove_fragment();
  url.normalize();
  return url;
}

std::uint16_t port_of(const urls::url& url) {
  if (url.has_port()) return url.port_number();
  return url.scheme_id() == urls::scheme::https ? 443 : 80;
}

/// The name or address of the host, without brackets.
std::string host_of(const urls::url& url) {
  std::string host(url.host_address());
  return host;
}

bool is_public_v4(std::uint32_t a) {
  struct Range {
    std::uint32_t network;
    int bits;
  };
  // https://www.iana.org/assignments/iana-ipv4-special-registry
  constexpr std::array kNotPublic = {
      Range{0x00000000, 8},  Range{0x0A000000, 8},  Range{0x64400000, 10}, Range{0x7F000000, 8},
      Range{0xA9FE0000, 16}, Range{0xAC100000, 12}, Range{0xC0000000, 24}, Range{0xC0000200, 24},
      Range{0xC0586300, 24}, Range{0xC0A80000, 16}, Range{0xC6120000, 15}, Range{0xC6336400, 24},
      Range{0xCB007100, 24}, Range{0xE0000000, 4},  Range{0xF0000000, 4}};
  return std::ranges::none_of(kNotPublic, [a](const Range& range) {
    return (a >> (32 - range.bits)) == (range.network >> (32 - range.bits));
  });
}

bool is_public_v6(const asio::ip::address_v6::bytes_type& bytes) {
  const auto inner = [&](std::size_t at) {
    return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
           std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
  };
  const auto zero = [&](std::size_t from, std::size_t to) {
    return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                       bytes.begin() + static_cast<std::ptrdiff_t>(to),
                       [](unsigned char b) { return b == 0; });
  };
  if (zero(0, 10) && bytes[10] == 0xFF && bytes[11] == 0xFF)
    return is_public_v4(inner(12));  // ::ffff:a.b.c.d
  if (zero(0, 12)) return false;     // ::, ::1, ::a.b.c.d
  if (bytes[0] == 0x00 && bytes[1] == 0x64 && bytes[2] == 0xFF &&
      bytes[3] == 0x9B) {  // 64:ff9b::/96, /48
    return zero(4, 12) && is_public_v4(inner(12));
  }
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return is_public_v4(inner(2));    // 6to4
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] < 0x02) return false;  // Teredo and its kin
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0D && bytes[3] == 0xB8)
    return false;                    // Documentation.
  return (bytes[0] & 0xE0) == 0x20;  // Global unicast.
}

/// The addresses of a host. Owners of the resolver: this frame and the action of the cancellation.
Task<Result<std::vector<asio::ip::address>>> resolve(std::string host, std::uint16_t port,
                                                     base::Context context) {
  boost::system::error_code error;
  if (const auto literal = asio::ip::make_address(host, error); !error) {
    co_return std::vector<asio::ip::address>{literal};
  }
  auto resolver = std::make_shared<asio::ip::tcp::resolver>(co_await asio::this_coro::executor);
  const auto registration = context.cancellation->on_request([resolver] { resolver->cancel(); });
  auto [failed, found] = co_await resolver->async_resolve(host, std::to_string(port),
                                                          asio::as_tuple(asio::use_awaitable));
  if (context.cancelled()) co_return base::fail(ErrorCode::cancelled, "was cancelled");
  if (failed)
    co_return base::fail(ErrorCode::unavailable,
                         fmt::format("the host {} cannot be found", in_quotes(host)),
                         failed.message());
  std::vector<asio::ip::address> addresses;
  for (const auto& entry : found) addresses.push_back(entry.endpoint().address());
  co_return addresses;
}

std::string target_of(const urls::url& url) {
  std::string target(url.encoded_target());
  return target.starts_with('/') ? target : "/" + target;
}

Result<void> check_status(unsigned status, std::string_view url) {
  if (status == 200) return {};
  const std::string message =
      fmt::format("the link {} answered with status {}", in_quotes(url), status);
  if (status == 429 || status >= 500) return base::fail(ErrorCode::unavailable, message);
  return base::fail(ErrorCode::invalid_argument, message);
}

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

struct LinkFetcher::Step {
  std::optional<FetchedLink> link;
  std::string next;  ///< Where a redirect leads, when there is no link.
};

bool is_public(const asio::ip::address& address) {
  return address.is_v4() ? is_public_v4(address.to_v4().to_uint())
                         : is_public_v6(address.to_v6().to_bytes());
}

Result<void> check_link(std::string_view url) {
  OPALINE_TRY_DO(parse_link(url));
  return {};
}

Task<Result<LinkFetcher::Step>> LinkFetcher::request(std::string text,
                                                     base::Context context) const {
  OPALINE_CO_TRY(const urls::url url, parse_link(text));
  const std::string host = host_of(url);
  const std::uint16_t port = port_of(url);
  OPALINE_CO_TRY(const auto addresses, co_await resolve(host, port, context));
  const bool inside =
      std::ranges::any_of(addresses, [](const auto& address) { return !is_public(address); });
  if (addresses.empty() ||
      (inside && settings_.private_networks == LinkSettings::PrivateNetworks::refuse)) {
    co_return base::fail(ErrorCode::permission_denied,
                         fmt::format("the link {} leads to a private address, which is not allowed",
                                     in_quotes(text)));
  }
  const bool secure = url.scheme_id() == urls::scheme::https;
  http::Endpoint endpoint{
      .scheme = secure ? http::Endpoint::Scheme::https : http::Endpoint::Scheme::http,
      .host = secure ? host : addresses.front().to_string(),
      .port = port};
  http::ClientRequest request{.method = "GET", .path = target_of(url), .idempotent = true};
  request.headers.set("Host", std::string(url.encoded_host_and_port()));
  request.headers.set("User-Agent", "opaline");
  request.headers.set("Accept", "text/html, text/*, application/pdf, application/json, */*");
  request.headers.set("Accept-Encoding", "identity");
  OPALINE_CO_TRY(const auto stream,
                 co_await client_.open(std::move(endpoint), std::move(request), context));

  if (is_redirect(stream->status())) {
    const std::string location(stream->headers().get("location"));
    const auto reference = urls::parse_uri_reference(location);
    urls::url next;
    if (location.empty() || !reference || !urls::resolve(url, *reference, next)) {
      co_return base::fail(ErrorCode::invalid_argument,
                           fmt::format("the link {} leads on to nowhere", in_quotes(text)));
    }
    co_return Step{.next = std::string(next.buffer())};
  }
  OPALINE_CO_TRY_DO(check_status(stream->status(), text));
  const std::string encoding(stream->headers().get("content-encoding"));
  if (!encoding.empty() && encoding != "identity") {
    co_return base::fail(
        ErrorCode::invalid_argument,
        fmt::format("the link {} answers compressed, though asked not to", in_quotes(text)));
  }
  FetchedLink link{.mime = std::string(stream->headers().get("content-type"))};
  for (;;) {
    OPALINE_CO_TRY(auto piece, co_await stream->next());
    if (!piece) break;
    if (link.bytes.size() + piece->size() > settings_.bytes_max) {
      co_return base::fail(ErrorCode::invalid_argument,
                           fmt::format("the link {} is larger than {} MiB", in_quotes(text),
                                       settings_.bytes_max >> 20));
    }
    link.bytes += *piece;
  }
  co_return Step{.link = std::move(link)};
}

Task<Result<FetchedLink>> LinkFetcher::fetch(std::string url, base::Context context) const {
  context = context.within(settings_.time);
  std::string current = url;
  for (int hop = 0; hop <= settings_.redirects_max; ++hop) {
    OPALINE_CO_TRY(Step step, co_await request(current, context));
    if (step.link) co_return std::move(*step.link);
    if (current.starts_with("https:") && step.next.starts_with("http:")) {
      co_return base::fail(ErrorCode::invalid_argument,
                           fmt::format("the link {} leads from https to http", in_quotes(url)));
    }
    current = std::move(step.next);
  }
  co_return base::fail(ErrorCode::invalid_argument,
                       fmt::format("the link {} leads on more than {} times", in_quotes(url),
                                   settings_.redirects_max));
}

}  // namespace opaline::services::dataprep
