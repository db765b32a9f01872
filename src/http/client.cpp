#include "http/client.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "base/limits.hpp"
#include "http/body_decoder.hpp"
#include "http/client_connection.hpp"
#include "http/connection_pool.hpp"
#include "http/framing_guard.hpp"
#include "http/grammar.hpp"
#include "http/head.hpp"
#include "http/tls.hpp"

namespace opaline::http {

namespace asio = boost::asio;

namespace {

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

/// The fields that frame the message or come from the context; a caller's own are dropped.
bool is_ours(std::string_view name) {
  return std::ranges::any_of(
      std::to_array<std::string_view>({"content-length", "transfer-encoding", "connection",
                                       "expect", "traceparent", "x-request-id"}),
      [name](std::string_view ours) { return equals_ignoring_case(name, ours); });
}

base::Result<std::string> request_head(const Endpoint& endpoint, const ClientRequest& request,
                                       const base::Context& context) {
  const auto refuse = [](std::string_view what) {
    return base::fail(base::ErrorCode::invalid_argument,
                      "The request cannot be sent: " + std::string(what) + ".");
  };
  const bool path_valid =
      request.path.starts_with('/') &&
      std::ranges::all_of(request.path, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!is_token(request.method)) return refuse("its method is not a token");
  if (!path_valid) return refuse("its path is not a percent-encoded one");
  std::string head;
  head.reserve(512);
  head.append(request.method)
      .append(" ")
      .append(endpoint.base_path)
      .append(request.path)
      .append(" HTTP/1.1\r\n");
  if (!request.headers.find("host")) append_field(head, "Host", endpoint.authority());
  for (const auto& [name, value] : request.headers.fields()) {
    if (!is_token(name) || !is_field_value(value))
      return refuse("a header has characters that none may have");
    if (!is_ours(name)) append_field(head, name, value);
  }
  append_field(head, "traceparent", context.trace.header());
  if (!context.request_id.empty() && is_field_value(context.request_id)) {
    append_field(head, "X-Request-Id", context.request_id);
  }
  if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD")) {
    append_field(head, "Content-Length", std::to_string(request.body.size()));
  }
  head.append("\r\n");
  return head;
}

bool may_repeat(const ClientRequest& request) {
  return request.idempotent || request.method == "GET" || request.method == "HEAD";
}

}  // namespace

/// One request and its reply, over a connection of its own until the reply's end.
class Client::Exchange final : public ClientStream {
 public:
  Exchange(ConnectionPool& pool, std::unique_ptr<ClientConnection> connection)
      : pool_(pool), connection_(std::move(connection)) {}

  /// Sends the request, which stays where it is until the task ends, and reads the reply's head.
  base::Task<base::Result<void>> run(const std::string* head, const ClientRequest* request) {
    const auto written = co_await connection_->write(head, &request->body);
    if (!written && (connection_->stopped() || !connection_->wrote()))
      co_return base::fail(written.error());
    // A server may answer and close before it has read everything; then its answer says why.
    auto read = co_await read_head(request->method);
    if (!read && !written) co_return base::fail(written.error());
    co_return std::move(read);
  }

  /// Nothing of the reply has come, though the connection was let down.
  [[nodiscard]] bool unanswered() const { return !answered_ && !connection_->stopped(); }
  [[nodiscard]] bool wrote() const { return connection_->wrote(); }

  [[nodiscard]] unsigned status() const override { return head_.status; }
  [[nodiscard]] const Headers& headers() const override { return head_.headers; }
  [[nodiscard]] Headers take_headers() { return std::move(head_.headers); }
  /// Bytes of the body that are announced.
  [[nodiscard]] std::uint64_t announced() const { return decoder_.announced(); }

  base::Task<base::Result<std::optional<std::string>>> next() override {
    if (failed_) co_return base::fail(*failed_);
    std::string piece;
    for (;;) {
      if (!connection_) co_return std::nullopt;
      auto used = decoder_.feed(connection_->input().view(), piece);
      if (!used) co_return fail("sent a broken reply", used.error().message);
      connection_->input().consume(*used);
      if (decoder_.done()) give_back();
      if (!piece.empty()) co_return std::move(piece);
      if (decoder_.done()) continue;
      auto more = co_await connection_->read(
          decoder_.announced() > InputBuffer::kSmall ? InputBuffer::kLarge : InputBuffer::kSmall);
      if (!more) {
        failed_ = more.error();
        connection_.reset();
        co_return base::fail(*failed_);
      }
      if (!*more && !decoder_.finish())
        co_return fail("closed the connection before the reply's end", {});
    }
  }

 private:
  base::Task<base::Result<void>> read_head(std::string method) {
    for (std::size_t interim = 0; interim <= limits::kInterimReplies; ++interim) {
      HeadScanner scanner(HeadScanner::Kind::response);
      std::size_t head_bytes = 0;
      for (;;) {
        if (!connection_->input().empty()) {
          answered_ = true;
          auto scanned = scanner.scan(connection_->input().view());
          if (!scanned) co_return not_http(scanned.error());
          if (*scanned) {
            head_bytes = **scanned;
            break;
          }
        }
        OPALINE_CO_TRY(const bool more, co_await connection_->read(InputBuffer::kSmall));
        if (!more)
          co_return base::fail(connection_->failure("closed the connection without an answer"));
      }
      auto head = parse_response_head(connection_->input().view().substr(0, head_bytes));
      if (!head) co_return not_http(head.error());
      connection_->input().consume(head_bytes);
      if (head->status == 101)
        co_return base::fail(connection_->failure("switched to a protocol nobody asked for"));
      if (head->status < 200) continue;
      auto framing = response_framing(*head, method);
      if (!framing) co_return not_http(framing.error());
      head_ = *std::move(head);
      keep_alive_ = framing->keep_alive;
      decoder_ = BodyDecoder(*framing);
      co_return base::Result<void>();
    }
    co_return base::fail(connection_->failure("sends interim replies without end"));
  }

  [[nodiscard]] std::unexpected<base::Error> not_http(const Refusal& refusal) const {
    return base::fail(connection_->failure("sent what is not HTTP/1.1", refusal.error.message));
  }

  std::unexpected<base::Error> fail(std::string_view what, std::string detail) {
    failed_ = connection_->failure(what, std::move(detail));
    connection_.reset();
    return base::fail(*failed_);
  }

  /// What the server sent beyond the reply's end nobody asked for: such a connection is not used
  /// again.
  void give_back() {
    if (keep_alive_ && connection_->input().empty() && !connection_->stopped()) {
      connection_->end();
      pool_.keep(std::move(connection_));
    }
    connection_.reset();
  }

  ConnectionPool& pool_;
  std::unique_ptr<ClientConnection> connection_;  // Nothing after the end.
  ResponseHead head_;
  BodyDecoder decoder_{Framing{}};
  std::optional<base::Error> failed_;
  bool keep_alive_ = false;
  bool answered_ = false;
};

Client::Client() = default;
Client::~Client() = default;

base::Result<const TlsTrust*> Client::tls_trust() {
  std::lock_guard lock(mutex_);
  if (!tls_trust_) {
    OPALINE_TRY(tls_trust_, TlsTrust::system());
  }
  return tls_trust_.get();
}

base::Task<base::Result<std::unique_ptr<Client::Exchange>>> Client::start(Endpoint endpoint,
                                                                          ClientRequest request,
                                                                          base::Context context) {
  OPALINE_CO_TRY(const std::string head, request_head(endpoint, request, context));
  const auto executor = co_await asio::this_coro::executor;
  ConnectionPool& pool = ConnectionPool::of(executor);
  const TlsTrust* trust = nullptr;
  if (endpoint.scheme == Endpoint::Scheme::https) {
    OPALINE_CO_TRY(trust, tls_trust());
  }
  if (auto pooled = pool.take(endpoint)) {
    OPALINE_CO_TRY_DO(pooled->begin(context));
    auto exchange = std::make_unique<Exchange>(pool, std::move(pooled));
    auto ran = co_await exchange->run(&head, &request);
    if (ran) co_return std::move(exchange);
    const bool again = exchange->unanswered() && (may_repeat(request) || !exchange->wrote());
    if (!again) co_return base::fail(std::move(ran).error());
  }
  auto connection = pool.make(executor, endpoint);
  OPALINE_CO_TRY_DO(connection->begin(context));
  if (auto connected = co_await connection->connect(trust); !connected) {
    connected.error().unsent = connected.error().code == base::ErrorCode::unavailable;
    co_return base::fail(std::move(connected).error());
  }
  auto exchange = std::make_unique<Exchange>(pool, std::move(connection));
  OPALINE_CO_TRY_DO(co_await exchange->run(&head, &request));
  co_return std::move(exchange);
}

base::Task<base::Result<ClientResponse>> Client::send(Endpoint endpoint, ClientRequest request,
                                                      base::Context context) {
  const Endpoint server = endpoint;
  const std::size_t bytes_max = request.reply_bytes_max;
  OPALINE_CO_TRY(auto exchange,
                 co_await start(std::move(endpoint), std::move(request), std::move(context)));
  ClientResponse response;
  response.status = exchange->status();
  const auto too_large = [&server, bytes_max] {
    return base::fail(base::ErrorCode::resource_exhausted,
                      "The reply of " + server.text() + " is above the limit of " +
                          std::to_string(bytes_max) + " bytes.");
  };
  if (exchange->announced() > bytes_max) co_return too_large();
  for (;;) {
    OPALINE_CO_TRY(auto piece, co_await exchange->next());
    if (!piece) break;
    if (response.body.empty()) {
      response.body = *std::move(piece);
    } else {
      response.body += *piece;
    }
    if (response.body.size() > bytes_max) co_return too_large();
  }
  response.headers = exchange->take_headers();
  co_return response;
}

base::Task<base::Result<std::unique_ptr<ClientStream>>> Client::open(Endpoint endpoint,
                                                                     ClientRequest request,
                                                                     base::Context context) {
  OPALINE_CO_TRY(auto exchange,
                 co_await start(std::move(endpoint), std::move(request), std::move(context)));
  co_return std::move(exchange);
}

}  // namespace opaline::http
