#include "_core/exchange.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <charconv>
#include <utility>

#include "_core/piece_queue.hpp"

namespace opaline::python {
namespace {

constexpr std::size_t kRefusalBytes = 64 * 1024;
constexpr std::size_t kJsonDepth = 256;

std::optional<boost::json::value> read_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kJsonDepth;
  boost::system::error_code error;
  auto value = boost::json::parse(text, error, {}, options);
  if (error) return std::nullopt;
  return value;
}

/// Percent-encodes what a request line must not have; what is encoded already stays.
std::string encoded(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f) {
      out += c;
      continue;
    }
    std::array<char, 2> hex{'0', '0'};
    std::to_chars(hex.data() + (byte < 16 ? 1 : 0), hex.data() + hex.size(), byte, 16);
    out.append("%").append(hex.data(), hex.size());
  }
  return out;
}

http::ClientRequest post_request(const Target& target, std::string body) {
  http::ClientRequest request;
  request.path = target.path;
  request.body = std::move(body);
  request.headers.add("Content-Type", "application/json");
  request.headers.add("Accept", "*/*");
  if (!target.bearer.empty()) request.headers.add("Authorization", "Bearer " + target.bearer);
  return request;
}

base::Task<base::Result<WholeReply>> read_refusal(std::unique_ptr<http::ClientStream> stream) {
  WholeReply reply;
  reply.status = stream->status();
  reply.content_type = stream->headers().get("content-type");
  while (reply.body.size() < kRefusalBytes) {
    auto bytes = co_await stream->next();
    if (!bytes || !*bytes) break;
    reply.body += **bytes;
  }
  co_return reply;
}

}  // namespace

base::Result<Target> Target::parse(std::string_view url, std::string bearer) {
  const auto scheme = url.find("://");
  const auto slash = url.find_first_of("/?", scheme == url.npos ? 0 : scheme + 3);
  Target target;
  OPALINE_TRY(target.server, http::Endpoint::parse(url.substr(0, slash)));
  const auto path = slash == url.npos ? std::string_view() : url.substr(slash);
  target.path = encoded(path.substr(0, path.find('#')));
  if (!target.path.starts_with('/')) target.path.insert(0, "/");
  target.bearer = std::move(bearer);
  return target;
}

base::Context Journey::context(std::shared_ptr<base::Cancellation> cancellation) const {
  base::Context context;
  context.cancellation = std::move(cancellation);
  context.request_id = request_id;
  const auto parsed = base::TraceContext::parse(traceparent);
  context.trace = parsed ? parsed->child() : base::TraceContext::start();
  return context.within(std::chrono::duration_cast<std::chrono::steady_clock::duration>(step_time));
}

base::Task<base::Result<WholeReply>> ask(std::shared_ptr<Engine> engine, Target target,
                                         std::string body, base::Context context) {
  auto request = post_request(target, std::move(body));
  OPALINE_CO_TRY(http::ClientResponse response,
                 co_await engine->client().send(std::move(target.server), std::move(request),
                                                std::move(context)));
  WholeReply reply;
  reply.status = response.status;
  reply.content_type = response.headers.get("content-type");
  if (!reply.content_type.starts_with("audio/")) reply.json = read_json(response.body);
  reply.body = std::move(response.body);
  co_return reply;
}

base::Task<base::Result<Letter>> ask_for_stream(std::shared_ptr<Engine> engine, Target target,
                                                std::string body, base::Context context) {
  const auto cancellation = context.cancellation;
  auto request = post_request(target, std::move(body));
  request.headers.set("Accept", "text/event-stream, */*");
  OPALINE_CO_TRY(auto stream,
                 co_await engine->client().open(std::move(target.server), std::move(request),
                                                std::move(context)));
  if (stream->status() / 100 != 2) {
    OPALINE_CO_TRY(auto refusal, co_await read_refusal(std::move(stream)));
    co_return Letter(std::move(refusal));
  }
  OpenReply reply;
  reply.content_type = stream->headers().get("content-type");
  const auto queue = std::make_shared<PieceQueue>(engine);
  reply.pieces = PieceQueue::consumer(queue);
  boost::asio::co_spawn(engine->loop(), queue->read(std::move(stream), cancellation),
                        [queue](const std::exception_ptr& thrown) {
                          if (thrown) queue->close();
                        });
  co_return Letter(std::move(reply));
}

std::shared_ptr<Exchange> Exchange::start(Target target, std::string body, Journey journey,
                                          Reply reply, std::shared_ptr<Mailbox> mailbox,
                                          std::uint64_t to) {
  auto engine = Engine::get();
  auto cancellation = base::Cancellation::create();
  auto exchange = std::make_shared<Exchange>(engine, cancellation);
  auto context = journey.context(std::move(cancellation));
  const auto run = [](std::shared_ptr<Engine> on, Target where, std::string what, Reply wanted,
                      base::Context with) -> base::Task<Letter> {
    if (wanted == Reply::stream) {
      auto opened = co_await ask_for_stream(on, std::move(where), std::move(what), std::move(with));
      if (opened) co_return *std::move(opened);
      co_return Letter(std::move(opened).error());
    }
    auto whole = co_await ask(on, std::move(where), std::move(what), std::move(with));
    if (whole) co_return Letter(*std::move(whole));
    co_return Letter(std::move(whole).error());
  };
  boost::asio::co_spawn(
      engine->loop(), run(engine, std::move(target), std::move(body), reply, std::move(context)),
      [mailbox = std::move(mailbox), to](const std::exception_ptr& thrown, Letter letter) {
        if (thrown) letter = base::Error{base::ErrorCode::internal, "the request failed", {}};
        mailbox->post(to, std::move(letter));
      });
  return exchange;
}

void Exchange::cancel() {
  boost::asio::post(engine_->loop(), [cancellation = cancellation_] { cancellation->request(); });
}

}  // namespace opaline::python
