#include "http/connection.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <exception>
#include <utility>

#include "base/assert.hpp"
#include "base/json_text.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "http/body_decoder.hpp"
#include "http/deadline_header.hpp"
#include "http/grammar.hpp"
#include "http/reply_head.hpp"
#include "http/target.hpp"

namespace opaline::http {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// The client's own id when it is one that is safe to log and echo, else a new one.
std::string choose_request_id(const Headers& headers) {
  const auto given = headers.get("x-request-id");
  const bool usable =
      !given.empty() && given.size() <= 128 && std::ranges::all_of(given, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '.' || c == '_' || c == '-';
      });
  return usable ? std::string(given) : base::random_hex(16);
}

Response plain_error(unsigned status, const base::Error& error, std::string_view request_id) {
  std::string body = R"({"error":{"code":)";
  base::append_json_string(body, base::name(error.code));
  body += R"(,"message":)";
  base::append_json_string(body, error.message);
  body += R"(,"request_id":)";
  base::append_json_string(body, request_id);
  body += "}}";
  return Response::json(status, std::move(body));
}

Response internal_error(std::string_view request_id) {
  return plain_error(
      500,
      base::Error{base::ErrorCode::internal, "The server made a mistake. It has been logged.", {}},
      request_id);
}

/// A handler's exception is our mistake: logged with what finds the request again.
void log_thrown(const std::exception_ptr& thrown, std::string_view request_id,
                std::string_view trace_id) {
  std::string what = "not a std::exception";
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
  }
  base::log(base::LogLevel::error, "http_request_failed",
            {{"request_id", request_id}, {"trace_id", trace_id}, {"exception", what}});
}

Clock::time_point after(Clock::duration time) {
  const auto now = Clock::now();
  return time > Clock::time_point::max() - now ? Clock::time_point::max() : now + time;
}

}  // namespace

Connection::Connection(ServerLoop& loop, Socket socket)
    : loop_(loop),
      socket_(std::move(socket)),
      timeout_(loop.timeouts(), [this] { on_timeout(); }) {}

Connection::~Connection() { loop_.forget(*this); }

base::Task<> Connection::serve(std::unique_ptr<Connection> connection, Admission admission) {
  if (admission == Admission::admitted) {
    while (co_await connection->serve_one()) {
    }
  } else {
    auto refusal =
        refuse(503, "The server has as many connections as it can serve. Try again shortly.");
    co_await connection->turn_away(std::move(refusal).error(), {}, base::random_hex(16));
  }
  connection->phase_ = Phase::closing;
  connection->lose();
  // The read under way refers to the connection until its callback has run.
  while (connection->reading_) co_await connection->suspend();
}

void Connection::drain() {
  if (phase_ != Phase::idle) return;
  expired_ = true;
  wake();
}

void Connection::abort() {
  expired_ = true;
  lose();
  wake();
}

base::Task<bool> Connection::serve_one() {
  auto receipt = co_await receive();
  if (!receipt) {
    if (auto* refusal = std::get_if<Refusal>(&receipt.error())) {
      co_await turn_away(std::move(*refusal), {}, base::random_hex(16));
    }
    co_return false;
  }
  Received received = *std::move(receipt);
  if (auto refusal = co_await receive_body(received)) {
    co_await turn_away(*std::move(refusal), std::move(received.request.method),
                       std::move(received.request_id));
    co_return false;
  }
  if (lost_ || expired_) co_return false;

  base::Context context;
  context.request_id = received.request_id;
  context.trace = base::TraceContext::parse(received.request.headers.get("traceparent"))
                      .value_or(base::TraceContext::start());
  trace_ = context.trace;
  context.deadline = after(received.limits.time);
  if (const auto left = time_left(received.request.headers))
    context.deadline = std::min(context.deadline, after(*left));
  cancellation_ = context.cancellation;
  phase_ = Phase::answering;
  timeout_.set(context.deadline);
  start_read(InputBuffer::kSmall);

  std::string method = received.request.method;
  Response response = co_await answer(std::move(received.request), std::move(context));
  const bool kept =
      co_await reply(std::move(response), std::move(method), std::move(received.request_id),
                     received.minor_version, received.framing.keep_alive);
  cancellation_.reset();
  co_return kept;
}

// ---- Reading a request.

base::Task<Connection::Receipt> Connection::receive() {
  const ConnectionTimes& times = loop_.shared().settings.times;
  phase_ = Phase::idle;
  timeout_.set(after(times.idle));
  HeadScanner scanner(HeadScanner::Kind::request);
  for (bool skipped_line = false;;) {
    if (!skipped_line && input_.view().starts_with("\r\n")) {
      // One empty line before a request is tolerated: old clients end a body with it.
      input_.consume(2);
      skipped_line = true;
    }
    if (!input_.empty() && input_.view() != "\r") {
      const auto scanned = scanner.scan(input_.view());
      if (!scanned) co_return std::unexpected(scanned.error());
      if (const auto head_bytes = *scanned) {
        auto received = read_head(input_.view().substr(0, *head_bytes));
        if (!received) co_return std::unexpected(std::move(received).error());
        input_.consume(*head_bytes);
        co_return *std::move(received);
      }
    }
    if (ended_ || (input_.empty() && loop_.draining())) co_return std::unexpected(Gone{});
    if (!input_.empty() && phase_ == Phase::idle) {
      phase_ = Phase::receiving;
      timeout_.set(after(times.header));
    }
    co_await more_input(InputBuffer::kSmall);
    if (lost_ || (expired_ && phase_ == Phase::idle)) co_return std::unexpected(Gone{});
    if (expired_)
      co_return std::unexpected(
          refuse(408, "The request's header took too long to arrive.").error());
  }
}

std::expected<Connection::Received, Refusal> Connection::read_head(std::string_view bytes) {
  auto head = parse_request_head(bytes);
  if (!head) return std::unexpected(std::move(head).error());
  auto framing = request_framing(*head);
  if (!framing) return std::unexpected(std::move(framing).error());
  auto target = parse_target(head->target);
  if (!target) return std::unexpected(std::move(target).error());

  Received received;
  received.framing = *framing;
  received.request_id = choose_request_id(head->headers);
  received.minor_version = head->minor_version;
  received.request.method = std::move(head->method);
  received.request.path = std::move(target->path);
  received.request.query = std::move(target->query);
  received.request.headers = std::move(head->headers);
  if (peer_.empty()) peer_ = peer_name(socket_.native_handle());
  received.request.peer = peer_;
  return received;
}

base::Task<std::optional<Refusal>> Connection::receive_body(Received& received) {
  const auto& settings = loop_.shared().settings;
  if (settings.limits_for) {
    try {
      received.limits = settings.limits_for(received.request);
    } catch (...) {
      base::log_exception("http_limits_failed", std::current_exception());
      co_return Refusal{
          500, {base::ErrorCode::internal, "The server made a mistake. It has been logged.", {}}};
    }
  }
  BodyDecoder decoder(received.framing);
  if (decoder.done()) co_return std::nullopt;
  const auto too_large = [&received] {
    return refuse(413, "The request's body is above the limit of " +
                           std::to_string(received.limits.body_bytes) + " bytes.")
        .error();
  };
  if (received.framing.length > received.limits.body_bytes) co_return too_large();
  phase_ = Phase::receiving;
  if (received.framing.expects_continue && input_.empty()) {
    if (send({"HTTP/1.1 100 Continue\r\n\r\n", {}, {}}) != Sent::all && !co_await flush())
      co_return std::nullopt;
  }
  std::string& body = received.request.body;
  const auto body_deadline = after(settings.times.body);
  for (;;) {
    const auto used = decoder.feed(input_.view(), body);
    if (!used) co_return Refusal{400, used.error()};
    input_.consume(*used);
    if (body.size() + (decoder.done() ? 0 : decoder.announced()) > received.limits.body_bytes)
      co_return too_large();
    if (decoder.done()) co_return std::nullopt;
    if (ended_) {
      lose();
      co_return std::nullopt;
    }
    timeout_.set(std::min(after(settings.times.body_idle), body_deadline));
    co_await more_input(decoder.announced() > InputBuffer::kSmall ? InputBuffer::kLarge
                                                                  : InputBuffer::kSmall);
    if (lost_) co_return std::nullopt;
    if (expired_) co_return refuse(408, "The request's body took too long to arrive.").error();
  }
}

// ---- Answering.

base::Task<Response> Connection::answer(Request request, base::Context context) {
  std::exception_ptr thrown;
  const std::string request_id = context.request_id;
  try {
    co_return co_await loop_.shared().handler(std::move(request), std::move(context));
  } catch (...) {
    thrown = std::current_exception();
  }
  log_thrown(thrown, request_id, trace_.trace_id_hex());
  co_return internal_error(request_id);
}

base::Task<bool> Connection::reply(Response response, std::string method, std::string request_id,
                                   int minor_version, bool keep_alive) {
  ReplyFraming framing;
  framing.server_name = loop_.shared().settings.server_name;
  framing.date = loop_.date();
  framing.request_id = request_id;
  framing.minor_version = minor_version;
  framing.keep_alive = keep_alive && !ended_ && !loop_.draining();
  head_.clear();
  if (!append_reply_head(head_, response, framing)) {
    base::log(base::LogLevel::error, "http_reply_not_sendable",
              {{"request_id", request_id}, {"status", static_cast<std::int64_t>(response.status)}});
    response = internal_error(request_id);
    OPALINE_ASSERT(append_reply_head(head_, response, framing));
  }
  loop_.counters().count(method, response.status);
  const bool with_body = method != "HEAD" && status_has_body(response.status);
  const std::string_view body =
      with_body && !response.stream ? std::string_view(response.body) : std::string_view();
  if (send({head_, body, {}}) != Sent::all && !co_await flush()) co_return false;
  if (response.stream && with_body) {
    if (!co_await send_stream(std::move(response.stream), std::move(request_id), framing.chunked))
      co_return false;
  }
  co_return framing.keep_alive && !lost_;
}

base::Task<bool> Connection::send_stream(std::unique_ptr<BodyStream> stream, std::string request_id,
                                         bool chunked) {
  // Whatever ends the stream early, the connection ends without the final chunk: the client sees a
  // broken body.
  for (;;) {
    if (ended_ || lost_) co_return false;
    base::Result<std::optional<std::string>> piece;
    std::exception_ptr thrown;
    try {
      piece = co_await stream->next();
    } catch (...) {
      thrown = std::current_exception();
    }
    if (thrown) {
      log_thrown(thrown, request_id, trace_.trace_id_hex());
      co_return false;
    }
    if (!piece) {
      const auto level = ended_ || lost_ ? base::LogLevel::debug : base::LogLevel::warning;
      base::log(level, "http_stream_broken",
                {{"request_id", request_id},
                 {"code", base::name(piece.error().code)},
                 {"message", piece.error().message},
                 {"detail", piece.error().detail}});
      co_return false;
    }
    if (ended_ || lost_) co_return false;
    if (!*piece) break;
    if ((*piece)->empty()) continue;
    std::array<std::string_view, 3> pieces = {std::string_view(), **piece, std::string_view()};
    std::array<char, 20> size;
    if (chunked) {
      char* end = std::to_chars(size.data(), size.data() + size.size(), (*piece)->size(), 16).ptr;
      *end++ = '\r';
      *end++ = '\n';
      pieces[0] = std::string_view(size.data(), end);
      pieces[2] = "\r\n";
    }
    if (send(pieces) != Sent::all && !co_await flush()) co_return false;
  }
  if (chunked && send({"0\r\n\r\n", {}, {}}) != Sent::all) co_return co_await flush();
  co_return true;
}

base::Task<> Connection::turn_away(Refusal refusal, std::string method, std::string request_id) {
  Response response;
  const auto& settings = loop_.shared().settings;
  try {
    response = settings.refuse ? settings.refuse(refusal.status, refusal.error, request_id)
                               : plain_error(refusal.status, refusal.error, request_id);
  } catch (...) {
    base::log_exception("http_refusal_failed", std::current_exception());
    response = plain_error(refusal.status, refusal.error, request_id);
  }
  base::log(base::LogLevel::debug, "http_request_refused",
            {{"request_id", request_id},
             {"status", static_cast<std::int64_t>(refusal.status)},
             {"message", refusal.error.message}});
  phase_ = Phase::writing;
  co_await reply(std::move(response), std::move(method), std::move(request_id), 1, false);
  if (lost_) co_return;
  // Closing with bytes of the client unread would reset the connection, and the reply might be lost
  // on the way.
  phase_ = Phase::lingering;
  expired_ = false;
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  timeout_.set(after(settings.times.linger));
  for (std::size_t dropped = 0; !ended_ && !expired_ && dropped < limits::kLingerBytes;) {
    dropped += input_.size();
    input_.consume(input_.size());
    co_await more_input(InputBuffer::kSmall);
  }
}

// ---- Input.

base::Task<> Connection::more_input(std::size_t capacity) {
  start_read(capacity);
  return suspend();
}

void Connection::start_read(std::size_t capacity) {
  if (reading_ || ended_ || lost_) return;
  const auto room = input_.prepare(capacity);
  reading_ = true;
  socket_.async_read_some(
      asio::buffer(room.data(), room.size()),
      [this](const boost::system::error_code& error, std::size_t bytes) { on_read(error, bytes); });
}

void Connection::on_read(const boost::system::error_code& error, std::size_t bytes) {
  reading_ = false;
  input_.commit(bytes);
  if (error) ended_ = true;
  if (error && error != asio::error::eof) lost_ = true;
  // Each of the three ways out may end the connection, so nothing comes after it.
  if (phase_ != Phase::answering && phase_ != Phase::writing) {
    wake();
  } else if (ended_) {
    cancel();
  } else if (input_.size() < limits::kPipelinedBytes) {
    start_read(InputBuffer::kSmall);
  }
}

void Connection::on_timeout() {
  switch (phase_) {
    case Phase::idle:
    case Phase::receiving:
    case Phase::lingering:
      expired_ = true;
      wake();
      break;
    case Phase::answering: cancel(); break;
    case Phase::writing: lose(); break;
    case Phase::closing: break;
  }
}

base::Task<> Connection::suspend() {
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [this](auto completion) { waiter_ = std::move(completion); }, asio::use_awaitable);
}

void Connection::wake() {
  if (auto waiter = std::exchange(waiter_, nullptr)) waiter();
}

// ---- Output.

GatheredWrite::Sent Connection::send(std::array<std::string_view, 3> pieces) {
  outgoing_.set(pieces);
  return send_rest();
}

GatheredWrite::Sent Connection::send_rest() {
  if (lost_) return Sent::nothing_more;
  const Sent sent = outgoing_.send_to(socket_.native_handle());
  if (sent == Sent::nothing_more) lose();
  return sent;
}

base::Task<bool> Connection::flush() {
  const Phase before = std::exchange(phase_, Phase::writing);
  const auto deadline_before = timeout_.deadline();
  const auto write_time = loop_.shared().settings.times.write;
  timeout_.set(after(write_time));
  std::size_t slice_start = outgoing_.unsent();
  for (Sent sent = Sent::some; sent != Sent::all;) {
    if (lost_) co_return false;
    auto [error] = co_await socket_.async_wait(Socket::wait_write, kAwait);
    if (error) lose();
    sent = send_rest();
    if (slice_start - outgoing_.unsent() >= limits::kWriteSliceBytes) {
      slice_start = outgoing_.unsent();
      timeout_.set(after(write_time));
    }
  }
  phase_ = before;
  timeout_.set(deadline_before);
  co_return true;
}

void Connection::lose() {
  lost_ = true;
  ended_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  cancel();
}

void Connection::cancel() {
  // The request's end, which a callback may bring about, drops our share of it.
  if (const auto cancellation = cancellation_) cancellation->request();
}

}  // namespace opaline::http
