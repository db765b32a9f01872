#pragma once

#include <functional>
#include <string>
#include <vector>

#include "contract/chat.hpp"
#include "contract/service.hpp"
#include "flow/chat_face.hpp"
#include "flow/runner.hpp"
#include "gateway/answer_stream.hpp"
#include "gateway/route.hpp"
#include "gateway/services.hpp"
#include "gateway/settings.hpp"

namespace opaline::gateway {

/// The names under which the flow is a model, the first being its own name in replies.
[[nodiscard]] const std::vector<std::string>& flow_model_names();

/// What answers questions: the flow, and the model alone for those who name it.
struct Answering {
  const flow::Runner* runner = nullptr;  ///< A flow of typed messages, or …
  flow::ChatFace* chats = nullptr;       ///< … one that passes JSON.
  contract::Service* llm = nullptr;      ///< The model alone; may be null.
  std::function<std::vector<ModelCard>()>
      models;  ///< Tells the model's names; empty: no model may be named.
  std::size_t query_characters = 0;
  int search_candidates = 10;
  int answer_sources = 0;  ///< As GatewaySettings has it.
  AnswerStreamSettings stream;
};

/// What a request to the flow's own endpoint means when it says nothing but its question.
[[nodiscard]] contract::ChatRequest usual_request(const Answering& answering);

/// Asks the flow on behalf of `call`, whose query record follows its steps. Both must outlive the
/// task. @error of check_question() and of the flow.
base::Task<base::Result<contract::Reply>> ask_flow(const Answering* answering,
                                                   contract::ChatRequest request, const Call* call);
/// What /rag replies: {"answer","declined","sources","citations","warnings"?}.
[[nodiscard]] std::string write_rag_reply(const contract::ChatReply& reply);

/// Questions in every dialect:
///   the flow's own endpoint and /v1/chatqna  OPEA: streams b'…' events unless told not to
///   /v1/chat/completions, /v1/completions    OpenAI: the flow, or the model that is named
///   /rag, /query                             {answer, declined, sources}
/// What `answering` refers to must outlive the routes.
[[nodiscard]] std::vector<Route> answer_routes(Answering answering);

}  // namespace opaline::gateway
