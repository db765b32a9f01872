#include "gateway/mcp/mcp_outbox.hpp"

#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "contract/event_stream.hpp"

namespace opaline::gateway {
namespace {

class McpBody final : public http::BodyStream {
 public:
  McpBody(std::shared_ptr<McpOutbox> outbox, base::Context context,
          std::chrono::milliseconds heartbeat, std::shared_ptr<void> kept)
      : kept_(std::move(kept)),
        outbox_(std::move(outbox)),
        context_(std::move(context)),
        heartbeat_(heartbeat) {}
  ~McpBody() override {
    outbox_->end();
    context_.cancellation->request();
  }

  base::Task<base::Result<std::optional<std::string>>> next() override {
    co_return co_await outbox_->next(heartbeat_);
  }

 private:
  std::shared_ptr<void> kept_;         // Shared with whoever delivers messages to it.
  std::shared_ptr<McpOutbox> outbox_;  // Shared with the calls that write into it.
  base::Context context_;
  std::chrono::milliseconds heartbeat_;
};

}  // namespace

void McpOutbox::put(std::string_view type, std::string_view message) {
  if (ended_) return;
  if (waiting_.size() + message.size() > limits::kMcpUnsentBytes) {
    base::log(base::LogLevel::info, "mcp_client_too_slow", {{"bytes", waiting_.size()}});
    waiting_.clear();
    end();
    return;
  }
  waiting_ += contract::format_event(message, type);
  changed_.notify_all();
}

void McpOutbox::end() {
  ended_ = true;
  changed_.notify_all();
}

base::Task<std::optional<std::string>> McpOutbox::next(std::chrono::milliseconds heartbeat) {
  const auto deadline = std::chrono::steady_clock::now() + heartbeat;
  while (waiting_.empty()) {
    if (ended_) co_return std::nullopt;
    if (!co_await changed_.wait(deadline)) co_return ": waiting\n\n";
  }
  co_return std::exchange(waiting_, {});
}

http::Response mcp_event_stream(std::shared_ptr<McpOutbox> outbox, base::Context context,
                                std::chrono::milliseconds heartbeat, std::shared_ptr<void> kept) {
  http::Response reply;
  reply.headers.set("Content-Type", "text/event-stream");
  reply.headers.set("Cache-Control", "no-store");
  reply.headers.set("X-Accel-Buffering", "no");  // nginx must not hold events back.
  reply.stream =
      std::make_unique<McpBody>(std::move(outbox), std::move(context), heartbeat, std::move(kept));
  return reply;
}

}  // namespace opaline::gateway
