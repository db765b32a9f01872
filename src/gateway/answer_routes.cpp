#include "gateway/answer_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "contract/chat_json.hpp"
#include "contract/chat_reply_json.hpp"
#include "contract/embedding_json.hpp"
#include "contract/hit_json.hpp"
#include "contract/json.hpp"
#include "contract/reranking_json.hpp"
#include "contract/retrieval_json.hpp"
#include "gateway/microservice_routes.hpp"
#include "gateway/question.hpp"

namespace opaline::gateway {
namespace {

using base::ErrorCode;
using base::Result;
using base::Task;
using contract::ChatEnvelope;
using contract::ChatReply;
using contract::ChatRequest;
using http::Response;

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool is_flow(const std::string& model) {
  const auto& names = flow_model_names();
  return model.empty() || std::ranges::find(names, model) != names.end();
}

/// A flow that ends without an LLM answers with what its last step found, in that step's own form.
Result<Response> last_step_reply(const contract::Reply& reply) {
  if (const auto* found = std::get_if<contract::RetrievalReply>(&reply)) {
    return Response::json(200, contract::write_retrieval_reply(*found, {}));
  }
  if (const auto* ordered = std::get_if<contract::RerankingReply>(&reply)) {
    return Response::json(200, contract::write_reranking_reply(
                                   *ordered, {.style = contract::RerankingForm::Style::openai}));
  }
  if (const auto* vectors = std::get_if<contract::EmbeddingReply>(&reply)) {
    OPALINE_TRY(std::string body, contract::write_embedding_reply(*vectors, {}));
    return Response::json(200, std::move(body));
  }
  return base::fail(ErrorCode::internal, "the flow answered with another kind of reply");
}

/// The passages of an answer as /rag and /query list them: what is cited is quoted, the rest stands
/// whole.
void write_sources(contract::JsonWriter& body, const ChatReply& reply) {
  body.key("sources").begin_array();
  for (std::size_t i = 0; i < reply.sources.size(); ++i) {
    const contract::Hit& hit = reply.sources[i];
    const auto citation =
        std::ranges::find(reply.citations, static_cast<int>(i) + 1, &contract::Citation::source);
    const bool cited = citation != reply.citations.end();
    body.begin_object()
        .field("index", i + 1)
        .field("document_id", hit.document_id)
        .field("source", hit.source);
    body.field("title", hit.title).field("title_path", hit.title_path).field("cited", cited);
    body.field("quote", cited ? citation->quote : hit.text);
    contract::write_span(body.key("span"), cited ? citation->source_span : hit.span);
    if (hit.page) body.field("page", *hit.page);
    body.field("score", hit.score()).end_object();
  }
  body.end_array();
}

void write_citations(contract::JsonWriter& body, const ChatReply& reply) {
  body.key("citations").begin_array();
  for (const contract::Citation& citation : reply.citations) {
    body.begin_object().field("source", citation.source);
    contract::write_span(body.key("answer_span"), citation.answer_span);
    contract::write_span(body.key("source_span"), citation.source_span);
    body.field("quote", citation.quote).field("supported", citation.supported).end_object();
  }
  body.end_array();
}

/// Fills in how much is searched for and kept, where the request leaves it to the deployment.
void choose_passages(ChatRequest& request, const Answering& answering) {
  if (answering.answer_sources == 0) return;
  if (!request.explicit_top_n) request.top_n = answering.answer_sources;
  if (request.explicit_k) return;
  request.search.k = std::max(answering.search_candidates, request.top_n);
  request.search.fetch_k = std::max(request.search.fetch_k, request.search.k);
}

// ---- OPEA and OpenAI

constexpr bool kChatqnaStreams = true;  // Unless a request says otherwise.

enum class Wire { chatqna, openai };

/// The flow's answer in the dialect it was asked in.
Task<Result<Response>> answer_by_flow(const Answering* answering, ChatRequest request,
                                      ChatEnvelope envelope, Wire wire, Call call) {
  const bool stream = request.stream;
  OPALINE_CO_TRY(auto reply, co_await ask_flow(answering, std::move(request), &call));
  const auto* whole = std::get_if<ChatReply>(&reply);
  if (whole != nullptr && !stream) {
    call.query->answered(*whole);
    co_return Response::json(200, contract::write_chat_reply(*whole, envelope));
  }
  auto* pieces = std::get_if<std::unique_ptr<contract::ChatStream>>(&reply);
  if (pieces == nullptr || !stream) co_return last_step_reply(reply);
  auto writer = wire == Wire::chatqna ? chatqna_answer() : openai_answer(std::move(envelope));
  co_return co_await stream_answer(std::move(*pieces), std::move(writer), std::move(call.context),
                                   std::move(call.query), answering->stream);
}

Task<Result<Response>> chatqna(const Answering* answering, Call call) {
  OPALINE_CO_TRY(auto asked,
                 contract::read_chat_request(call.request.body, {.stream = kChatqnaStreams}));
  ChatEnvelope envelope{
      .id = contract::new_chat_id(), .created = unix_now(), .model = flow_model_names().front()};
  asked.request.model
      .clear();  // OPEA's clients name whatever model they like; the flow has its own.
  co_return co_await answer_by_flow(answering, std::move(asked.request), std::move(envelope),
                                    Wire::chatqna, std::move(call));
}

Result<contract::Service*> find_model(const Answering& answering, const std::string& name) {
  std::string known;
  for (const ModelCard& card : answering.models ? answering.models() : std::vector<ModelCard>()) {
    if (card.kind != "llm" && card.kind != "flow") continue;
    if (card.kind == "llm" && card.id == name && answering.llm != nullptr) return answering.llm;
    known += (known.empty() ? "" : ", ") + card.id;
  }
  if (known.empty()) known = flow_model_names().front();
  return base::fail(ErrorCode::not_found,
                    fmt::format("there is no model '{}'; there is {}", name, known));
}

Task<Result<Response>> openai(const Answering* answering, ChatEnvelope::Kind kind, Call call) {
  OPALINE_CO_TRY(auto asked, contract::read_chat_request(call.request.body, {.stream = false}));
  ChatRequest& request = asked.request;
  using Style = contract::ChatForm::Style;
  if (asked.form.style == Style::text || asked.form.style == Style::completion)
    kind = ChatEnvelope::Kind::completion;
  // A text to continue is a model's business; a question is the flow's, unless a model is named.
  const bool continues =
      request.prompt.has_value() && request.model.empty() && answering->llm != nullptr;
  if (!is_flow(request.model) || continues) {
    contract::Service* llm = answering->llm;
    if (!continues) {
      OPALINE_CO_TRY(llm, find_model(*answering, request.model));
    }
    call.query->question(request.question());
    co_return co_await answer_by_model(llm, std::move(request), kind, std::move(call),
                                       answering->stream);
  }
  if (request.prompt) {
    request.messages = {{.role = "user", .content = *std::move(request.prompt)}};
    request.prompt.reset();
  }
  const std::string model =
      request.model.empty() ? flow_model_names().front() : std::exchange(request.model, {});
  const bool chat = kind == ChatEnvelope::Kind::chat;
  ChatEnvelope envelope{.kind = kind,
                        .id = chat ? contract::new_chat_id() : contract::new_completion_id(),
                        .created = unix_now(),
                        .model = model,
                        .stream_usage = request.stream_usage};
  co_return co_await answer_by_flow(answering, std::move(request), std::move(envelope),
                                    Wire::openai, std::move(call));
}

// ---- /rag and /query

enum class Passages { as_deployed, five };

Result<ChatRequest> read_query(std::string_view body, Passages passages, int candidates) {
  OPALINE_TRY(const auto object, contract::parse_json_object(body));
  contract::Fields fields(object);
  ChatRequest request;
  request.messages = {{.role = "user", .content = fields.text("query").value_or("")}};
  const auto search = contract::read_search_parameters(fields);
  request.search = search.search;
  request.explicit_k = search.explicit_k;
  auto top_k = fields.integer("top_k", {.min = 1, .max = 50});
  if (!top_k && passages == Passages::five) top_k = 5;
  if (top_k) {
    request.top_n = static_cast<int>(*top_k);
    request.explicit_top_n = true;
    if (!request.explicit_k) {
      request.search.k = std::max(candidates, request.top_n);
      request.search.fetch_k = std::max(request.search.fetch_k, request.search.k);
      request.explicit_k = true;
    }
  }
  OPALINE_TRY_DO(fields.check());
  return request;
}

Task<Result<Response>> query(const Answering* answering, Passages passages, Call call) {
  OPALINE_CO_TRY(auto request,
                 read_query(call.request.body, passages, answering->search_candidates));
  OPALINE_CO_TRY(auto reply, co_await ask_flow(answering, std::move(request), &call));
  const auto* answer = std::get_if<ChatReply>(&reply);
  if (answer == nullptr) {
    co_return base::fail(ErrorCode::failed_precondition,
                         "this flow has no step that writes an answer; /v1/search finds passages");
  }
  call.query->answered(*answer);
  co_return Response::json(200, write_rag_reply(*answer));
}

constexpr std::string_view kTag = "Answers";
constexpr std::string_view kAnswer =
    R"({"answer":"Use pg_restore [1].","declined":false,"sources":[{"index":1,"document_id":"d-2","source":"manual/backup.html","title":"Backup","title_path":"Backup > Restoring","cited":true,"quote":"Use pg_restore to restore a dump.","span":{"begin":1200,"end":1233},"score":0.83}],"citations":[{"source":1,"answer_span":{"begin":0,"end":19},"source_span":{"begin":1200,"end":1233},"quote":"Use pg_restore to restore a dump.","supported":true}]})";
constexpr std::string_view kCompletion =
    R"({"id":"chatcmpl-0f3a","object":"chat.completion","created":1767225600,"model":"chatqna","choices":[{"index":0,"message":{"role":"assistant","content":"Use pg_restore [1].","audio":null},"finish_reason":"stop","metadata":null}],"usage":{"prompt_tokens":812,"total_tokens":819,"completion_tokens":7}})";

Route route(std::string pattern, Route::Answer answer, Documentation documentation) {
  return {.method = "POST",
          .pattern = std::move(pattern),
          .answer = std::move(answer),
          .documentation = documentation,
          .cost = Route::Cost::query};
}

}  // namespace

ChatRequest usual_request(const Answering& answering) {
  ChatRequest request;
  request.stream = kChatqnaStreams;
  choose_passages(request, answering);
  return request;
}

Task<Result<contract::Reply>> ask_flow(const Answering* answering, ChatRequest request,
                                       const Call* call) {
  const std::string question = request.question();
  OPALINE_CO_TRY_DO(check_question(question, answering->query_characters));
  call->query->question(question);
  choose_passages(request, *answering);
  const auto names =
      answering->chats ? QueryRecord::StepNames::own : QueryRecord::StepNames::of_kinds;
  flow::StepObserver observer = [query = call->query, names](const flow::StepReport& report) {
    query->step(report, names);
  };
  if (answering->chats != nullptr) {
    co_return co_await answering->chats->ask(std::move(request), call->context,
                                             std::move(observer));
  }
  co_return co_await answering->runner->run(std::move(request), call->context, std::move(observer));
}

std::string write_rag_reply(const ChatReply& reply) {
  contract::JsonWriter body;
  body.begin_object().field("answer", reply.text).field("declined", reply.declined);
  write_sources(body, reply);
  write_citations(body, reply);
  if (!reply.warnings.empty()) body.field("warnings", reply.warnings);
  body.end_object();
  return std::move(body).take();
}

const std::vector<std::string>& flow_model_names() {
  static const std::vector<std::string> kNames = {"chatqna", "opaline"};
  return kNames;
}

std::vector<Route> answer_routes(Answering given) {
  // Owners: the routes below.
  const auto answering = std::make_shared<const Answering>(std::move(given));
  const auto ask_chatqna = [answering](Call call) {
    return chatqna(answering.get(), std::move(call));
  };
  const auto ask_openai = [answering](ChatEnvelope::Kind kind) {
    return [answering, kind](Call call) { return openai(answering.get(), kind, std::move(call)); };
  };
  const auto ask = [answering](Passages passages) {
    return [answering, passages](Call call) {
      return query(answering.get(), passages, std::move(call));
    };
  };
  const Documentation opea{
      .tag = kTag,
      .summary = "Ask the flow (OPEA): streams data: b'…' events; \"stream\": false for one object",
      .request = "ChatRequest",
      .request_example = R"({"messages":"How is a backup restored?","stream":false})",
      .reply = "ChatCompletion",
      .reply_example = kCompletion};
  std::vector<Route> routes;
  routes.push_back(route("/v1/chatqna", ask_chatqna, opea));
  routes.back().errors = ErrorShape::opea;
  routes.push_back(route(
      "/v1/chat/completions", ask_openai(ChatEnvelope::Kind::chat),
      {.tag = kTag,
       .summary = "Ask the flow, or a model by its name (OpenAI)",
       .request = "ChatRequest",
       .request_example =
           R"({"model":"chatqna","messages":[{"role":"user","content":"How is a backup restored?"}]})",
       .reply = "ChatCompletion",
       .reply_example = kCompletion}));
  routes.push_back(route(
      "/v1/completions", ask_openai(ChatEnvelope::Kind::completion),
      {.tag = kTag,
       .summary = "Continue a text with the model alone (OpenAI)",
       .request = "CompletionRequest",
       .request_example = R"({"prompt":"Once upon a time","max_tokens":16})",
       .reply = "TextCompletion",
       .reply_example =
           R"({"id":"cmpl-0f3a","object":"text_completion","created":1767225600,"model":"gemma","choices":[{"index":0,"text":" there was","logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":4,"total_tokens":6,"completion_tokens":2}})"}));
  routes.push_back(route("/rag", ask(Passages::as_deployed),
                         {.tag = kTag,
                          .summary = "An answer with its sources",
                          .request = "RagRequest",
                          .request_example = R"({"query":"How is a backup restored?"})",
                          .reply = "RagReply",
                          .reply_example = kAnswer}));
  routes.push_back(route("/query", ask(Passages::five),
                         {.tag = kTag,
                          .summary = "The same, from the top_k best passages",
                          .request = "QueryRequest",
                          .request_example = R"({"query":"How is a backup restored?","top_k":5})",
                          .reply = "RagReply",
                          .reply_example = kAnswer}));
  // At its own endpoint a flow that passes JSON takes and gives the JSON of its steps.
  const std::string endpoint = answering->runner ? answering->runner->spec().endpoint : "";
  const auto taken = [&endpoint](const Route& one) { return one.pattern == endpoint; };
  if (!endpoint.empty() && std::ranges::none_of(routes, taken)) {
    routes.push_back(route(endpoint, ask_chatqna, opea));
    routes.back().errors = ErrorShape::opea;
  }
  return routes;
}

}  // namespace opaline::gateway
