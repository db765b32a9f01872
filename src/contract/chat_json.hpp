#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contract/chat.hpp"

namespace opaline::contract {

/// How a request to an LLM or a megaservice came, told apart as OPEA's unions do.
///   parameters  {"query", "documents"?, …}           OPEA's LLMParamsDoc; streams unless told
///   otherwise searched    {"initial_query", "retrieved_docs"}  OPEA's SearchedDoc; streams unless
///   told otherwise completion  {"prompt", …}                        OpenAI's /v1/completions text
///   {"messages": "…", …}                 OPEA: an LLM service answers with a text_completion chat
///   {"messages": [{"role","content"}]}   OpenAI's /v1/chat/completions, with OPEA's extra fields
struct ChatForm {
  enum class Style { chat, text, completion, parameters, searched } style = Style::chat;
  bool stream_given = false;  ///< The request said whether to stream.
};

struct ChatCall {
  ChatRequest request;
  ChatForm form;
};

/// What holds when a request does not say.
struct ChatDefaults {
  bool stream = false;  ///< OPEA's /v1/chatqna: true.
};

/// Forgiving in form (numbers and booleans as strings, unknown fields, 0 for "default" in k, top_n,
/// fetch_k and top_k), strict in meaning. Grounding comes from "documents", "retrieved_docs" or our
/// "grounding" extension.
/// @error invalid_argument: bad JSON, a wrong type or range, an unknown role, a part that is no
/// text, n above 1; names the field, e.g. "field 'top_p' must be a number between 0 and 1, got
/// \"abc\"".
[[nodiscard]] base::Result<ChatCall> read_chat_request(std::string_view body,
                                                       ChatDefaults defaults);

/// Whom a request is written for.
enum class ChatPeer {
  openai,   ///< Any OpenAI-compatible server: only what it knows; grounding becomes OPEA's RAG
            ///< prompt.
  opaline,  ///< Another process of ours: nothing is lost.
};
/// The body for /v1/chat/completions, or for /v1/completions when the request has a prompt.
/// Grounded requests to others have OPEA's fields in OPEA's order, with its defaults: model,
/// messages, max_tokens, top_p, stream, frequency_penalty, temperature; what the caller set besides
/// follows.
[[nodiscard]] std::string write_chat_request(const ChatRequest& request, ChatPeer peer);

}  // namespace opaline::contract
