#include "gateway/microservice_routes.hpp"

#include <chrono>

#include "contract/chat_json.hpp"
#include "contract/chat_reply_json.hpp"
#include "contract/embedding_json.hpp"
#include "contract/reranking_json.hpp"
#include "contract/retrieval_json.hpp"

namespace opaline::gateway {
namespace {

using base::Result;
using base::Task;
using contract::ChatEnvelope;
using contract::ServiceKind;
using http::Response;

Task<Result<Response>> embed(Services services, Call call) {
  OPALINE_CO_TRY(contract::Service * service, services.get(ServiceKind::embedding));
  OPALINE_CO_TRY(auto asked, contract::read_embedding_request(call.request.body));
  OPALINE_CO_TRY(auto reply, co_await contract::call<contract::EmbeddingReply>(
                                 *service, std::move(asked.request), call.context));
  OPALINE_CO_TRY(std::string body, contract::write_embedding_reply(reply, asked.form));
  co_return Response::json(200, std::move(body));
}

Task<Result<Response>> retrieve(Services services, Call call) {
  OPALINE_CO_TRY(contract::Service * service, services.get(ServiceKind::retrieval));
  OPALINE_CO_TRY(auto asked, contract::read_retrieval_request(call.request.body));
  OPALINE_CO_TRY(auto reply, co_await contract::call<contract::RetrievalReply>(
                                 *service, std::move(asked.request), call.context));
  co_return Response::json(200, contract::write_retrieval_reply(reply, asked.form));
}

Task<Result<Response>> rerank(Services services, Call call) {
  OPALINE_CO_TRY(contract::Service * service, services.get(ServiceKind::reranking));
  OPALINE_CO_TRY(auto asked, contract::read_reranking_request(call.request.body));
  OPALINE_CO_TRY(auto reply, co_await contract::call<contract::RerankingReply>(
                                 *service, std::move(asked.request), call.context));
  co_return Response::json(200, contract::write_reranking_reply(reply, asked.form));
}

Task<Result<Response>> complete(Services services, AnswerStreamSettings settings, Call call) {
  OPALINE_CO_TRY(contract::Service * service, services.get(ServiceKind::llm));
  OPALINE_CO_TRY(auto asked, contract::read_chat_request(call.request.body, {.stream = false}));
  using Style = contract::ChatForm::Style;
  const bool plain = asked.form.style == Style::completion || asked.form.style == Style::text;
  const auto kind = plain ? ChatEnvelope::Kind::completion : ChatEnvelope::Kind::chat;
  co_return co_await answer_by_model(service, std::move(asked.request), kind, std::move(call),
                                     settings);
}

Route post(std::string pattern, Route::Answer answer, Documentation documentation) {
  return {.method = "POST",
          .pattern = std::move(pattern),
          .answer = std::move(answer),
          .documentation = documentation,
          .cost = Route::Cost::heavy};
}

constexpr std::string_view kTag = "Services";

}  // namespace

Task<Result<Response>> answer_by_model(contract::Service* llm, contract::ChatRequest request,
                                       ChatEnvelope::Kind kind, Call call,
                                       AnswerStreamSettings settings) {
  ChatEnvelope envelope{.kind = kind,
                        .id = kind == ChatEnvelope::Kind::chat ? contract::new_chat_id()
                                                               : contract::new_completion_id(),
                        .created = std::chrono::duration_cast<std::chrono::seconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count(),
                        .model = request.model,
                        .stream_usage = request.stream_usage};
  const bool stream = request.stream;
  const auto begun = std::chrono::steady_clock::now();
  OPALINE_CO_TRY(auto reply, co_await llm->call(std::move(request), call.context));
  if (call.query) {
    call.query->step({.step = "llm",
                      .kind = ServiceKind::llm,
                      .took = std::chrono::steady_clock::now() - begun});
  }
  const auto* whole = std::get_if<contract::ChatReply>(&reply);
  if (whole != nullptr && !stream) {
    if (call.query) call.query->answered(*whole);
    co_return Response::json(200, contract::write_chat_reply(*whole, envelope));
  }
  auto* pieces = std::get_if<std::unique_ptr<contract::ChatStream>>(&reply);
  if (pieces == nullptr || !stream) {
    co_return base::fail(base::ErrorCode::internal,
                         "the model answered with another kind of reply");
  }
  co_return co_await stream_answer(std::move(*pieces), openai_answer(std::move(envelope)),
                                   std::move(call.context), std::move(call.query), settings);
}

std::vector<Route> embedding_routes(const Services& services) {
  const Route::Answer answer = [services](Call call) { return embed(services, std::move(call)); };
  std::vector<Route> routes;
  routes.push_back(post(
      "/v1/embeddings", answer,
      {.tag = kTag,
       .summary = "Vectors of texts (OpenAI)",
       .request = "EmbeddingRequest",
       .request_example = R"({"input":["What is OPEA?"],"encoding_format":"float"})",
       .reply = "EmbeddingReply",
       .reply_example =
           R"({"object":"list","model":"all-MiniLM-L6-v2","data":[{"index":0,"object":"embedding","embedding":[0.03,-0.07]}],"usage":{"prompt_tokens":7,"total_tokens":7}})"}));
  routes.push_back(post("/embed", answer,
                        {.tag = kTag,
                         .summary = "Vectors of texts (TEI)",
                         .request = "TeiEmbeddingRequest",
                         .request_example = R"({"inputs":["What is OPEA?"]})",
                         .reply_example = R"([[0.03,-0.07]])"}));
  routes.front().opea = true;
  return routes;
}

std::vector<Route> retrieval_routes(const Services& services) {
  std::vector<Route> routes;
  routes.push_back(post(
      "/v1/retrieval", [services](Call call) { return retrieve(services, std::move(call)); },
      {.tag = kTag,
       .summary = "Passages for a text or vector (OPEA's three styles)",
       .request = "RetrievalRequest",
       .request_example = R"({"text":"What is OPEA?","k":4})",
       .reply = "RetrievalReply",
       .reply_example =
           R"({"id":"0f","retrieved_docs":[{"downstream_black_list":[],"id":"c-1","text":"OPEA is …"}],"initial_query":"What is OPEA?","top_n":1,"metadata":[{}]})"}));
  routes.front().opea = true;
  return routes;
}

std::vector<Route> reranking_routes(const Services& services) {
  const Route::Answer answer = [services](Call call) { return rerank(services, std::move(call)); };
  std::vector<Route> routes;
  routes.push_back(post(
      "/v1/reranking", answer,
      {.tag = kTag,
       .summary = "Passages in order of their worth for a question (OPEA's three styles)",
       .request = "RerankingRequest",
       .request_example =
           R"({"initial_query":"What is OPEA?","retrieved_docs":[{"text":"a"},{"text":"b"}],"top_n":1})",
       .reply_example = R"({"query":"What is OPEA?","documents":["b"]})"}));
  routes.push_back(post("/rerank", answer,
                        {.tag = kTag,
                         .summary = "The same (TEI)",
                         .request = "TeiRerankingRequest",
                         .request_example = R"({"query":"What is OPEA?","texts":["a","b"]})",
                         .reply_example = R"([{"index":1,"score":0.9},{"index":0,"score":0.1}])"}));
  routes.push_back(
      post("/v1/rerank", answer,
           {.tag = kTag,
            .summary = "The same (Cohere, Jina)",
            .request = "CohereRerankingRequest",
            .request_example = R"({"query":"What is OPEA?","documents":["a","b"],"top_n":1})",
            .reply_example = R"({"results":[{"index":1,"relevance_score":0.9}]})"}));
  routes.front().opea = true;
  return routes;
}

std::vector<Route> llm_routes(const Services& services, AnswerStreamSettings settings) {
  const Route::Answer answer = [services, settings](Call call) {
    return complete(services, settings, std::move(call));
  };
  std::vector<Route> routes;
  routes.push_back(post("/v1/chat/completions", answer,
                        {.tag = kTag,
                         .summary = "The model's answer (OpenAI)",
                         .request = "ChatRequest",
                         .request_example = R"({"messages":[{"role":"user","content":"Hello"}]})",
                         .reply = "ChatCompletion"}));
  routes.push_back(post("/v1/completions", answer,
                        {.tag = kTag,
                         .summary = "The model's continuation of a text (OpenAI)",
                         .request = "CompletionRequest",
                         .request_example = R"({"prompt":"Once upon a time","max_tokens":16})",
                         .reply = "TextCompletion"}));
  routes.front().opea = true;
  return routes;
}

}  // namespace opaline::gateway
