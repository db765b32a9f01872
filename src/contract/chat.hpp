#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "contract/hit.hpp"
#include "contract/retrieval.hpp"

namespace opaline::contract {

struct ChatMessage {
  std::string role;  ///< system, user, assistant, tool.
  std::string content;

  friend bool operator==(const ChatMessage&, const ChatMessage&) = default;
};

/// How tokens are chosen. Absent: the service's default.
struct SamplingParameters {
  std::optional<int> max_tokens;      ///< 1 … limits::kAnswerTokens.
  std::optional<double> temperature;  ///< 0 … 2; 0 = greedy.
  std::optional<double> top_p;        ///< 0 … 1.
  std::optional<int> top_k;
  std::optional<double> frequency_penalty;
  std::optional<double> presence_penalty;
  std::optional<double> repetition_penalty;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> stop;  ///< At most 16, each ≤ 256 bytes.
  std::optional<boost::json::object>
      json_schema;  ///< The answer must be JSON of this shape; {} = any JSON object.
};

/// Passages that an answer must rest on. Present when a flow retrieved before the LLM step.
struct Grounding {
  std::string question;
  std::vector<Hit> sources;  ///< Source 1 first; may be empty: then nothing was found.
};

/// A conversation (or, with `prompt`, plain text to continue) to be answered.
struct ChatRequest {
  std::vector<ChatMessage> messages;
  std::optional<std::string> prompt;  ///< Text completion: used as it is, without a chat template.
  std::string model;                  ///< Empty: the service's own.
  bool stream = false;                ///< The caller wants a ChatStream.
  bool stream_usage = false;          ///< OpenAI stream_options.include_usage.
  SamplingParameters sampling;
  std::optional<Grounding> grounding;
  std::string chat_template;  ///< OPEA: {context} and {question}; empty: the service's own.
  // Parameters of the steps before an LLM, as OPEA puts them into one request.
  SearchParameters search;
  int top_n = 1;  ///< Passages that reranking keeps.
  /// Set by a caller that knows them; otherwise the deployment's own defaults hold (see answering).
  bool explicit_k = false;
  bool explicit_top_n = false;

  /// The text that retrieval searches for: the last user message.
  [[nodiscard]] std::string question() const;
};

struct Usage {
  std::uint64_t prompt_tokens = 0;
  std::uint64_t completion_tokens = 0;
  std::uint64_t cached_tokens = 0;  ///< Of the prompt, taken from the prefix cache.

  [[nodiscard]] std::uint64_t total_tokens() const { return prompt_tokens + completion_tokens; }
};

/// A place in the answer that rests on a source.
struct Citation {
  int source = 1;         ///< 1-based index into ChatReply::sources; "[1]" in the text.
  Span answer_span;       ///< Bytes of the answer's text that it supports.
  Span source_span;       ///< Bytes of the source document that support it.
  std::string quote;      ///< The document's text at source_span.
  bool supported = true;  ///< The check found the sentence in the source.
};

enum class FinishReason { stop, length, content_filter };
[[nodiscard]] std::string_view name(FinishReason reason);

struct ChatReply {
  std::string text;
  FinishReason finish_reason = FinishReason::stop;
  Usage usage;
  std::string model;
  bool declined = false;     ///< The sources do not say.
  std::vector<Hit> sources;  ///< As numbered in the answer; empty without grounding.
  std::vector<Citation> citations;
  std::vector<std::string> warnings;
};

/// A piece of a streamed answer. The last one of a stream has `end` set and an empty text.
struct ChatDelta {
  std::string text;
  /// Everything but the text (`text` is empty here): finish reason, usage, sources, citations.
  std::optional<ChatReply> end;
};

/// An answer pulled piece by piece. Destroying it stops the generation.
class ChatStream {
 public:
  virtual ~ChatStream() = default;
  /// The next piece; after the one with `end`, not to be called again. An error ends the stream
  /// too.
  virtual base::Task<base::Result<ChatDelta>> next() = 0;
};

}  // namespace opaline::contract
