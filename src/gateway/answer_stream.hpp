#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "contract/chat.hpp"
#include "contract/chat_reply_json.hpp"
#include "gateway/query_record.hpp"
#include "http/message.hpp"

namespace opaline::gateway {

/// The bytes of a streamed answer in one dialect. One answer each.
class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;
  /// Before the first piece; may be empty.
  virtual std::string first() = 0;
  virtual std::string piece(std::string_view text) = 0;
  /// After the last piece. `end.text` is the whole answer.
  virtual std::string last(const contract::ChatReply& end) = 0;
};

/// OpenAI's chunks, then [DONE].
[[nodiscard]] std::unique_ptr<AnswerWriter> openai_answer(contract::ChatEnvelope envelope);
/// OPEA's "data: b'…'" events, then [DONE]; sources have no place in them.
[[nodiscard]] std::unique_ptr<AnswerWriter> chatqna_answer();

struct AnswerStreamSettings {
  std::chrono::milliseconds heartbeat{
      10'000};  ///< Silence before a comment keeps the connection alive.
};

/// The reply that sends `answer` as server-sent events. Waits for the first piece, but no longer
/// than a heartbeat, so that what fails at once gets a status of its own; what fails later becomes
/// a `data: {"error":…}` event and the end, without [DONE]. Pieces that are there together go out
/// together. Dropping the reply's stream requests context.cancellation.
/// @param record may be null. @error of the first piece.
base::Task<base::Result<http::Response>> stream_answer(std::unique_ptr<contract::ChatStream> answer,
                                                       std::unique_ptr<AnswerWriter> writer,
                                                       base::Context context,
                                                       std::shared_ptr<QueryRecord> record,
                                                       AnswerStreamSettings settings);

}  // namespace opaline::gateway
