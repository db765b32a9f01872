#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contract/chat.hpp"
#include "contract/event_stream.hpp"
#include "contract/json_message.hpp"

namespace opaline::flow {

/// The text that a service streams, out of the bytes of its server-sent events however they are
/// cut. An event is a chunk of OpenAI's chat or text completions, OPEA's b'…', JSON with a `text`,
/// or plain text; [DONE] ends the stream.
class EventText {
 public:
  /// @error resource_exhausted: an event is too large.
  [[nodiscard]] base::Result<void> feed(std::string_view bytes) { return parser_.feed(bytes); }
  /// The text of the next whole event, in order; nothing when more bytes are needed.
  /// @error unavailable: the server reports an error in the stream.
  [[nodiscard]] base::Result<std::optional<std::string>> next();
  [[nodiscard]] bool done() const { return done_; }  ///< [DONE] came.
  /// Whether what has come is an answer to its end: [DONE] came, or a finish reason and no half
  /// event after it.
  [[nodiscard]] bool whole() const { return done_ || (finished_ && !parser_.inside_event()); }
  /// What came beside the text: finish reason, usage, model, sources.
  [[nodiscard]] contract::ChatReply take_end() { return std::move(end_); }

 private:
  base::Result<std::string> text_of(const std::string& data);

  contract::EventParser parser_;
  contract::ChatReply end_;
  bool done_ = false;
  bool finished_ = false;  // A finish reason came.
};

/// All bytes of an answer that is no stream of events, at most limits::kReplyBytes.
/// @error of the stream; resource_exhausted: it is larger.
[[nodiscard]] base::Task<base::Result<std::string>> read_all(
    std::unique_ptr<contract::ByteStream> answer);

/// The text of an answer that was not streamed: a chat or text completion, or JSON with a `text`.
/// @error internal: it is none of these.
[[nodiscard]] base::Result<std::string> text_of_answer(std::string_view body);

}  // namespace opaline::flow
