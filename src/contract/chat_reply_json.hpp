#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contract/chat.hpp"

namespace opaline::contract {

/// What stands around an answer.
struct ChatEnvelope {
  /// chat: chat.completion and its chunks; completion: text_completion.
  enum class Kind { chat, completion } kind = Kind::chat;
  std::string id;             ///< new_chat_id() or new_completion_id().
  std::int64_t created = 0;   ///< Unix seconds.
  std::string model;          ///< Empty: the reply's own.
  bool stream_usage = false;  ///< A last chunk with the usage, as include_usage asks.
};

/// "chatcmpl-" or "cmpl-" and 22 characters.
[[nodiscard]] std::string new_chat_id();
[[nodiscard]] std::string new_completion_id();

/// OpenAI's chat.completion (or text_completion) object. A cited answer has OpenAI's "annotations"
/// (url_citation, indexes in characters) in its message, and beside the choices our "sources" (hits
/// with "index" and "quote"), "citations" (spans in bytes), "declined" and "warnings", each only
/// when there is something to say.
[[nodiscard]] std::string write_chat_reply(const ChatReply& reply, const ChatEnvelope& envelope);
/// @error invalid_argument: not such an object.
[[nodiscard]] base::Result<ChatReply> read_chat_reply(std::string_view body);

/// Writes the server-sent events of a streamed answer: first(), text() for each piece, last(), and
/// kDone. What is the same in each event is made once.
class ChatChunks {
 public:
  explicit ChatChunks(ChatEnvelope envelope);

  /// The event that opens the message with its role; empty for completions, which have none.
  [[nodiscard]] std::string first() const;
  [[nodiscard]] std::string text(std::string_view piece);
  /// Finish reason, annotations, sources and citations, and the usage chunk if it was asked for.
  [[nodiscard]] std::string last(const ChatReply& end) const;

  static constexpr std::string_view kDone = "data: [DONE]\n\n";

 private:
  ChatEnvelope envelope_;
  std::string before_;  ///< "data: {"id":…,"model":…", up to the choices.
  std::string said_;    ///< The answer so far: annotations count its characters.
};

/// One chunk of a stream, read.
struct ChatChunk {
  std::string text;
  std::optional<FinishReason> finish_reason;
  std::optional<Usage> usage;
  std::string model;
  /// Set when the chunk carries sources, citations, a refusal or warnings: their part of the reply.
  std::optional<ChatReply> extensions;
};
/// @param data of one event, not "[DONE]". @error unavailable: it says {"error": …};
/// invalid_argument: no chunk.
[[nodiscard]] base::Result<ChatChunk> read_chat_chunk(std::string_view data);

/// What a reply or a chunk says that it cost; nothing without a `usage` that can be read.
[[nodiscard]] std::optional<Usage> usage_of(const boost::json::value& reply);

}  // namespace opaline::contract
