#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/context.hpp"
#include "base/event.hpp"
#include "base/task.hpp"
#include "http/message.hpp"

namespace opaline::gateway {

/// Messages on their way to one client, as server-sent events. Lives on one event loop. Held by
/// shared_ptr: its owners are the reply's body and the calls that write into it, and either may go
/// first.
class McpOutbox {
 public:
  explicit McpOutbox(boost::asio::any_io_executor executor) : changed_(std::move(executor)) {}

  /// @param type of the event. Above limits::kMcpUnsentBytes the client is too slow: everything is
  /// dropped and the stream ends.
  void put(std::string_view type, std::string_view message);
  /// No more messages; what is there still goes out.
  void end();

  /// All that is there, or a comment after `heartbeat` of silence, or nothing at the end.
  base::Task<std::optional<std::string>> next(std::chrono::milliseconds heartbeat);

 private:
  base::Event changed_;
  std::string waiting_;
  bool ended_ = false;
};

/// The reply whose body is what `outbox` gets. Dropping the body ends the outbox and requests
/// context.cancellation. @param kept lives as long as the body; may be null.
[[nodiscard]] http::Response mcp_event_stream(std::shared_ptr<McpOutbox> outbox,
                                              base::Context context,
                                              std::chrono::milliseconds heartbeat,
                                              std::shared_ptr<void> kept);

}  // namespace opaline::gateway
