#include "services/remote/remote_chat_stream.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <utility>

namespace opaline::services {
namespace {

using base::ErrorCode;
using namespace std::chrono_literals;

constexpr auto kDrainTime = 50ms;

}  // namespace

RemoteChatStream::RemoteChatStream(Upstream upstream, std::unique_ptr<http::ClientStream> stream,
                                   std::shared_ptr<base::Cancellation> cancellation,
                                   base::Cancellation::Registration follows)
    : upstream_(std::move(upstream)),
      cancellation_(std::move(cancellation)),
      follows_(std::move(follows)),
      stream_(std::move(stream)) {}

base::Result<std::string> RemoteChatStream::take(const contract::Event& event) {
  if (event.data.empty()) return std::string();
  if (event.data == "[DONE]") {
    done_ = true;
    return std::string();
  }
  auto chunk = contract::read_chat_chunk(event.data);
  if (!chunk) {
    if (chunk.error().code != ErrorCode::unavailable) {
      return base::fail(
          unreadable_reply(upstream_, "a chat completion chunk", chunk.error(), event.data));
    }
    base::Error error = std::move(chunk).error();
    error.message = upstream_.label + " ended the answer with an error";
    return base::fail(std::move(error));
  }
  if (chunk->extensions) {
    contract::ChatReply& extensions = *chunk->extensions;
    end_.declined = extensions.declined;
    end_.sources = std::move(extensions.sources);
    end_.citations = std::move(extensions.citations);
    end_.warnings = std::move(extensions.warnings);
  }
  if (chunk->finish_reason) {
    finished_ = true;
    end_.finish_reason = *chunk->finish_reason;
  }
  if (chunk->usage) end_.usage = *chunk->usage;
  if (end_.model.empty()) end_.model = std::move(chunk->model);
  return std::move(chunk->text);
}

base::Result<void> RemoteChatStream::broke_off(std::string detail) const {
  return base::fail(ErrorCode::unavailable,
                    upstream_.label + " broke off in the middle of an answer", std::move(detail));
}

base::Task<base::Result<contract::ChatDelta>> RemoteChatStream::next() {
  for (;;) {
    while (auto event = parser_.next()) {
      OPALINE_CO_TRY(std::string text, take(*event));
      if (!text.empty()) co_return contract::ChatDelta{.text = std::move(text), .end = {}};
      if (!done_) continue;
      co_await drain();
      co_return contract::ChatDelta{.text = {}, .end = std::move(end_)};
    }
    auto bytes = co_await stream_->next();
    if (bytes && *bytes) {
      OPALINE_CO_TRY_DO(parser_.feed(**bytes));
      continue;
    }
    const bool broken = !bytes && bytes.error().code == ErrorCode::unavailable;
    if (!bytes && !broken) co_return base::fail(std::move(bytes).error());
    // The end of the body, or of the connection. What was said is whole only if the server said so
    // before.
    if (parser_.inside_event()) OPALINE_CO_TRY_DO(broke_off("half an event"));
    if (!finished_)
      OPALINE_CO_TRY_DO(
          broke_off(broken ? bytes.error().message : "neither finish_reason nor [DONE]"));
    co_return contract::ChatDelta{.text = {}, .end = std::move(end_)};
  }
}

base::Task<> RemoteChatStream::drain() {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, kDrainTime);
  timer.async_wait([cancellation = cancellation_](boost::system::error_code error) {
    if (!error) cancellation->request();
  });
  for (;;) {
    auto bytes = co_await stream_->next();
    if (!bytes || !*bytes) break;
  }
}

}  // namespace opaline::services
