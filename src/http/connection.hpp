#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/context.hpp"
#include "base/task.hpp"
#include "http/framing_guard.hpp"
#include "http/gathered_write.hpp"
#include "http/head.hpp"
#include "http/input_buffer.hpp"
#include "http/message.hpp"
#include "http/server_loop.hpp"
#include "http/timeouts.hpp"

namespace opaline::http {

/// One client's connection: reads requests one after the other, has each answered, writes the
/// reply.
///
/// One coroutine does all of it, and one read of the socket is always under way: between requests
/// it waits for the next one, and while a request is answered it sees the client leave. Bytes that
/// come early (pipelining) wait in the buffer.
///
///   idle ─► receiving ─► answering ⇄ writing ─► idle
///               └─ refused ─► writing ─► lingering ─► closed
class Connection {
 public:
  enum class Admission { admitted, refused };

  Connection(ServerLoop& loop, Socket socket);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Serves until the connection ends, then drops it.
  static base::Task<> serve(std::unique_ptr<Connection> connection, Admission admission);

  /// Ends the connection after the request it is at; at once when it is at none.
  void drain();
  /// Cancels the request it is at and ends the connection.
  void abort();

 private:
  enum class Phase { idle, receiving, answering, writing, lingering, closing };
  using Sent = GatheredWrite::Sent;
  /// A request that has been read, and what its reply must know.
  struct Received {
    Request request;
    RequestLimits limits;
    Framing framing;
    std::string request_id;
    int minor_version = 1;
  };
  /// The client left, or went silent, before its request was whole.
  struct Gone {};
  using Receipt = std::expected<Received, std::variant<Gone, Refusal>>;

  base::Task<bool> serve_one();
  base::Task<Receipt> receive();
  base::Task<std::optional<Refusal>> receive_body(Received& received);
  std::expected<Received, Refusal> read_head(std::string_view bytes);

  base::Task<Response> answer(Request request, base::Context context);
  base::Task<bool> reply(Response response, std::string method, std::string request_id,
                         int minor_version, bool keep_alive);
  base::Task<bool> send_stream(std::unique_ptr<BodyStream> stream, std::string request_id,
                               bool chunked);
  base::Task<> turn_away(Refusal refusal, std::string method, std::string request_id);

  // Input. One read at most is under way.
  base::Task<> more_input(std::size_t capacity);
  void start_read(std::size_t capacity);
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  void on_timeout();
  base::Task<> suspend();
  void wake();

  // Output. Pieces that are not sent at once stay where they are until flush() has sent them.
  Sent send(std::array<std::string_view, 3> pieces);
  Sent send_rest();
  base::Task<bool> flush();
  void lose();
  void cancel();

  ServerLoop& loop_;
  Socket socket_;
  std::string peer_;
  Timeouts::Entry timeout_;
  Phase phase_ = Phase::idle;
  InputBuffer input_;
  std::move_only_function<void()> waiter_;
  GatheredWrite outgoing_;
  std::string head_;  // Of the reply under way.
  std::shared_ptr<base::Cancellation>
      cancellation_;          // Of the request being answered, shared with its context.
  base::TraceContext trace_;  // Of the same.
  bool reading_ = false;
  bool ended_ = false;    // The peer sends no more.
  bool lost_ = false;     // Nothing can be sent any more.
  bool expired_ = false;  // The time for input is over.
};

}  // namespace opaline::http
