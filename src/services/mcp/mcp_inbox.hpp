#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contract/event_stream.hpp"
#include "http/endpoint.hpp"

namespace opaline::services {

/// What a server of the older transport (HTTP with SSE, 2024-11-05) sends on its stream: first
/// where messages to it go, then its own messages. No I/O.
///
///   event: endpoint\n data: /messages/?session_id=…    once
///   event: message\n data: {"jsonrpc": …}              as often as it likes
class McpInbox {
 public:
  /// @param path of the stream: relative places are beside it.
  McpInbox(http::Endpoint server, std::string path);

  /// Takes bytes as they came. @error failed_precondition: messages would go to another server;
  /// internal: the place is malformed; resource_exhausted: more than limits::kReplyBytes, or an
  /// event above limits::kEventBytes. The inbox is then of no more use.
  [[nodiscard]] base::Result<void> feed(std::string_view bytes);
  /// Where messages go, a path with its query; empty as long as it was not told.
  [[nodiscard]] const std::string& messages_path() const { return messages_path_; }
  /// The server's next message. What came before the place is none.
  [[nodiscard]] std::optional<std::string> next();

 private:
  base::Result<void> take(contract::Event event);
  base::Result<std::string> resolved(std::string_view place) const;

  http::Endpoint server_;
  std::string path_;
  contract::EventParser parser_;
  std::size_t bytes_ = 0;
  std::string messages_path_;
  std::deque<std::string> messages_;
};

}  // namespace opaline::services
