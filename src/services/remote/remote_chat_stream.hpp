#pragma once

#include <memory>
#include <string>

#include "base/cancellation.hpp"
#include "contract/chat.hpp"
#include "contract/chat_reply_json.hpp"
#include "contract/event_stream.hpp"
#include "http/client.hpp"
#include "services/remote/upstream_error.hpp"

namespace opaline::services {

/// An answer that another server streams as OpenAI's chunks. Dropping it closes the connection,
/// which tells the server to stop; an answer read to its end leaves the connection for the next
/// request. On the request's thread only.
class RemoteChatStream final : public contract::ChatStream {
 public:
  /// @param cancellation ends reads from `stream`; `follows` lets the caller's cancellation request
  /// it.
  RemoteChatStream(Upstream upstream, std::unique_ptr<http::ClientStream> stream,
                   std::shared_ptr<base::Cancellation> cancellation,
                   base::Cancellation::Registration follows);

  /// An answer is whole when it ended with [DONE], or with a finish reason and the end of the body.
  /// @error unavailable: the connection broke or the body ended before that, also inside an event,
  /// or the server reported an error in the stream; internal: an event that is no chunk;
  /// deadline_exceeded; cancelled.
  base::Task<base::Result<contract::ChatDelta>> next() override;

 private:
  /// The text of one event; "" when it has none. Remembers the rest for the end.
  base::Result<std::string> take(const contract::Event& event);
  base::Result<void> broke_off(std::string detail) const;
  /// Reads what follows [DONE], which is nothing, so that the connection can be used again; does
  /// not wait long for it.
  base::Task<> drain();

  Upstream upstream_;
  std::shared_ptr<base::Cancellation> cancellation_;
  base::Cancellation::Registration follows_;
  std::unique_ptr<http::ClientStream> stream_;
  contract::EventParser parser_;
  contract::ChatReply end_;
  bool finished_ = false;  ///< A finish reason came.
  bool done_ = false;      ///< [DONE] came.
};

}  // namespace opaline::services
