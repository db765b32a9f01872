#include "services/remote/remote_service.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "contract/chat_json.hpp"
#include "contract/chat_reply_json.hpp"
#include "contract/embedding_json.hpp"
#include "contract/json.hpp"
#include "contract/reranking_json.hpp"
#include "contract/retrieval_json.hpp"
#include "http/deadline_header.hpp"
#include "services/remote/api_key.hpp"
#include "services/remote/embedding_reply.hpp"
#include "services/remote/remote_byte_stream.hpp"
#include "services/remote/remote_chat_stream.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;
using contract::ServiceKind;

constexpr std::size_t kTeiBatchTexts = 32;  // TEI's own default of --max-client-batch-size.
constexpr std::size_t kErrorBytes = 4096;

std::string label_of(const RemoteSettings& settings) {
  if (!settings.label.empty()) return settings.label;
  return "the " + std::string(name(settings.kind)) + " service at " + settings.endpoint.text();
}

std::string completions_path(const std::string& path) {
  constexpr std::string_view kChat = "/chat/completions";
  if (!path.ends_with(kChat)) return path;
  return path.substr(0, path.size() - kChat.size()) + "/completions";
}

void append(contract::EmbeddingReply& all, contract::EmbeddingReply batch) {
  std::ranges::move(batch.vectors, std::back_inserter(all.vectors));
  std::ranges::move(batch.warnings, std::back_inserter(all.warnings));
  all.prompt_tokens += batch.prompt_tokens;
  all.model = std::move(batch.model);
}

double score_of(const contract::Hit& hit) { return hit.scores.rerank.value_or(0); }

void keep_best(std::vector<contract::Hit>& hits, int top_n) {
  std::ranges::sort(hits, std::greater<>(), score_of);
  if (top_n > 0 && hits.size() > static_cast<std::size_t>(top_n))
    hits.resize(static_cast<std::size_t>(top_n));
}

bool good(unsigned status) { return status >= 200 && status < 300; }

/// The start of a body that explains an error.
base::Task<std::string> read_excerpt(std::unique_ptr<http::ClientStream> stream) {
  std::string body;
  while (body.size() < kErrorBytes) {
    auto piece = co_await stream->next();
    if (!piece || !*piece) break;
    body += **piece;
  }
  co_return body;
}

}  // namespace

base::Result<std::unique_ptr<RemoteService>> RemoteService::create(RemoteSettings settings,
                                                                   http::Client& client) {
  if (settings.kind == ServiceKind::dataprep) {
    return base::fail(ErrorCode::invalid_argument,
                      "dataprep cannot run at a URL: it writes into this server's store");
  }
  if (settings.path.empty()) settings.path = contract::default_endpoint(settings.kind);
  OPALINE_TRY(std::string key, resolve_api_key(settings.api_key));
  return std::unique_ptr<RemoteService>(
      new RemoteService(std::move(settings), std::move(key), client));
}

RemoteService::RemoteService(RemoteSettings settings, std::string api_key, http::Client& client)
    : settings_(std::move(settings)),
      api_key_(std::move(api_key)),
      client_(client),
      upstream_{.label = label_of(settings_), .ours = ours()},
      dialect_(Dialect::openai) {
  const std::string_view path = settings_.path;
  if (settings_.kind == ServiceKind::embedding && path.ends_with("/embed")) dialect_ = Dialect::tei;
  if (settings_.kind == ServiceKind::reranking) {
    const bool cohere = path.ends_with("/v1/rerank") || path.ends_with("/v2/rerank");
    dialect_ = cohere ? Dialect::cohere : path.ends_with("/rerank") ? Dialect::tei : Dialect::opea;
  }
}

base::Task<base::Result<contract::Reply>> RemoteService::call(contract::Request request,
                                                              base::Context context) {
  switch (settings_.kind) {
    case ServiceKind::embedding:
      if (auto* embedding = std::get_if<contract::EmbeddingRequest>(&request)) {
        co_return co_await embed(std::move(*embedding), std::move(context));
      }
      break;
    case ServiceKind::retrieval:
      if (auto* retrieval = std::get_if<contract::RetrievalRequest>(&request)) {
        co_return co_await retrieve(std::move(*retrieval), std::move(context));
      }
      break;
    case ServiceKind::reranking:
      if (auto* reranking = std::get_if<contract::RerankingRequest>(&request)) {
        co_return co_await rerank(std::move(*reranking), std::move(context));
      }
      break;
    case ServiceKind::llm:
      if (auto* chat_request = std::get_if<contract::ChatRequest>(&request)) {
        co_return co_await chat(std::move(*chat_request), std::move(context));
      }
      break;
    case ServiceKind::custom:
      if (auto* json = std::get_if<contract::JsonRequest>(&request)) {
        co_return co_await ask(std::move(*json), std::move(context));
      }
      break;
    case ServiceKind::dataprep: OPALINE_ASSERT(false);
  }
  co_return base::fail(ErrorCode::invalid_argument, "the " + std::string(name(settings_.kind)) +
                                                        " service takes no such request");
}

// --- Embedding

std::size_t RemoteService::batch_texts() const {
  return dialect_ == Dialect::tei && !ours() ? kTeiBatchTexts : limits::kEmbeddingTexts;
}

base::Task<base::Result<contract::Reply>> RemoteService::embed(contract::EmbeddingRequest request,
                                                               base::Context context) {
  if (request.texts.empty()) {
    co_return base::fail(ErrorCode::invalid_argument,
                         "an embedding request needs at least one text");
  }
  choose_model(request.model);
  if (!ours())
    request.priority = contract::EmbeddingRequest::Priority::query;  // Others do not know it.
  if (request.texts.size() <= batch_texts()) {
    OPALINE_CO_TRY(contract::EmbeddingReply reply,
                   co_await embed_batch(std::move(request), std::move(context)));
    co_return contract::Reply(std::move(reply));
  }
  contract::EmbeddingReply all;
  for (std::size_t begin = 0; begin < request.texts.size(); begin += batch_texts()) {
    const auto count = std::min(batch_texts(), request.texts.size() - begin);
    contract::EmbeddingRequest batch{
        .texts = {}, .model = request.model, .priority = request.priority};
    const auto first = request.texts.begin() + static_cast<std::ptrdiff_t>(begin);
    std::move(first, first + static_cast<std::ptrdiff_t>(count), std::back_inserter(batch.texts));
    OPALINE_CO_TRY(contract::EmbeddingReply reply, co_await embed_batch(std::move(batch), context));
    append(all, std::move(reply));
  }
  co_return contract::Reply(std::move(all));
}

base::Task<base::Result<contract::EmbeddingReply>> RemoteService::embed_batch(
    contract::EmbeddingRequest request, base::Context context) {
  using Form = contract::EmbeddingForm;
  const Form form{.dialect = dialect_ == Dialect::tei ? Form::Dialect::tei : Form::Dialect::openai,
                  .encoding = ours() ? Form::Encoding::base64 : Form::Encoding::numbers,
                  .dimensions = {}};
  OPALINE_CO_TRY(std::string body, co_await post(contract::write_embedding_request(request, form),
                                                 std::move(context)));
  const std::string start = body.substr(0, kErrorBytes);
  auto reply = read_embedding_reply(std::move(body), request.texts.size());
  if (!reply)
    co_return base::fail(unreadable_reply(upstream_, "an embedding reply", reply.error(), start));
  co_return std::move(*reply);
}

// --- Retrieval and reranking

base::Task<base::Result<contract::Reply>> RemoteService::retrieve(
    contract::RetrievalRequest request, base::Context context) {
  OPALINE_CO_TRY(const std::string body,
                 co_await post(contract::write_retrieval_request(request), std::move(context)));
  auto reply = contract::read_retrieval_reply(body);
  if (!reply)
    co_return base::fail(unreadable_reply(upstream_, "a retrieval reply", reply.error(), body));
  if (reply->query.empty()) reply->query = std::move(request.text);
  reply->top_n = request.top_n;
  co_return contract::Reply(std::move(*reply));
}

base::Task<base::Result<contract::Reply>> RemoteService::rerank(contract::RerankingRequest request,
                                                                base::Context context) {
  // A server may well refuse an empty list; the answer is known anyway.
  if (request.hits.empty()) {
    co_return contract::Reply(
        contract::RerankingReply{.query = std::move(request.query), .hits = {}});
  }
  if (dialect_ != Dialect::tei || ours() || request.hits.size() <= kTeiBatchTexts) {
    OPALINE_CO_TRY(contract::RerankingReply reply,
                   co_await rerank_batch(std::move(request), std::move(context)));
    co_return contract::Reply(std::move(reply));
  }
  contract::RerankingReply all{.query = request.query, .hits = {}};
  for (std::size_t begin = 0; begin < request.hits.size(); begin += kTeiBatchTexts) {
    const auto count = std::min(kTeiBatchTexts, request.hits.size() - begin);
    contract::RerankingRequest batch{.query = request.query, .hits = {}, .top_n = 0};
    const auto first = request.hits.begin() + static_cast<std::ptrdiff_t>(begin);
    std::move(first, first + static_cast<std::ptrdiff_t>(count), std::back_inserter(batch.hits));
    OPALINE_CO_TRY(contract::RerankingReply reply,
                   co_await rerank_batch(std::move(batch), context));
    std::ranges::move(reply.hits, std::back_inserter(all.hits));
  }
  keep_best(all.hits, request.top_n);
  co_return contract::Reply(std::move(all));
}

base::Task<base::Result<contract::RerankingReply>> RemoteService::rerank_batch(
    contract::RerankingRequest request, base::Context context) {
  using enum contract::RerankingForm::Style;
  const auto style = dialect_ == Dialect::tei ? tei : dialect_ == Dialect::cohere ? cohere : openai;
  const auto detail = ours() ? contract::PassageDetail::hit : contract::PassageDetail::text;
  OPALINE_CO_TRY(
      const std::string body,
      co_await post(contract::write_reranking_request(request, style, detail), std::move(context)));
  auto reply = contract::read_reranking_reply(body, std::move(request));
  if (!reply)
    co_return base::fail(unreadable_reply(upstream_, "a reranking reply", reply.error(), body));
  co_return std::move(*reply);
}

// --- Chat

base::Task<base::Result<contract::Reply>> RemoteService::chat(contract::ChatRequest request,
                                                              base::Context context) {
  choose_model(request.model);
  request.stream_usage = request.stream;  // What it cost comes with a stream's end.
  const auto peer = ours() ? contract::ChatPeer::opaline : contract::ChatPeer::openai;
  http::ClientRequest post =
      post_request(request.prompt ? completions_path(settings_.path) : settings_.path,
                   contract::write_chat_request(request, peer), context);
  if (request.stream) co_return co_await open_stream(std::move(post), std::move(context));

  OPALINE_CO_TRY(const http::ClientResponse response,
                 co_await client_.send(settings_.endpoint, std::move(post), std::move(context)));
  if (response.status != 200)
    co_return base::fail(upstream_error(upstream_, response.status, response.body));
  auto reply = contract::read_chat_reply(response.body);
  if (!reply)
    co_return base::fail(
        unreadable_reply(upstream_, "a chat completion", reply.error(), response.body));
  co_return contract::Reply(std::move(*reply));
}

base::Task<base::Result<contract::Reply>> RemoteService::open_stream(http::ClientRequest request,
                                                                     base::Context context) {
  OPALINE_CO_TRY(OpenStream opened, co_await open(std::move(request), std::move(context)));
  co_return contract::Reply(
      std::unique_ptr<contract::ChatStream>(std::make_unique<RemoteChatStream>(
          upstream_, std::move(opened.stream), std::move(opened.cancellation),
          std::move(opened.follows))));
}

base::Task<base::Result<RemoteService::OpenStream>> RemoteService::open(http::ClientRequest request,
                                                                        base::Context context) {
  request.headers.set("Accept", "text/event-stream");
  // A cancellation of its own, so that the stream can give up the connection without ending the
  // caller's request.
  auto cancellation = base::Cancellation::create();
  auto follows = context.cancellation->on_request([cancellation] { cancellation->request(); });
  context.cancellation = cancellation;
  OPALINE_CO_TRY(std::unique_ptr<http::ClientStream> stream,
                 co_await client_.open(settings_.endpoint, std::move(request), std::move(context)));
  if (const unsigned status = stream->status(); !good(status)) {
    const std::string body = co_await read_excerpt(std::move(stream));
    co_return base::fail(upstream_error(upstream_, status, body));
  }
  co_return OpenStream{.stream = std::move(stream),
                       .cancellation = std::move(cancellation),
                       .follows = std::move(follows)};
}

// --- Any JSON

base::Task<base::Result<contract::Reply>> RemoteService::ask(contract::JsonRequest request,
                                                             base::Context context) {
  complete(request);
  http::ClientRequest post =
      post_request(settings_.path, boost::json::serialize(request.body), context);
  // What a service of somebody's own does over there nobody knows: it is asked once.
  post.idempotent = false;
  if (request.stream) {
    OPALINE_CO_TRY(OpenStream opened, co_await open(std::move(post), std::move(context)));
    co_return contract::Reply(
        std::unique_ptr<contract::ByteStream>(std::make_unique<RemoteByteStream>(
            upstream_, std::move(opened.stream), std::move(opened.cancellation),
            std::move(opened.follows))));
  }
  OPALINE_CO_TRY(http::ClientResponse response,
                 co_await client_.send(settings_.endpoint, std::move(post), std::move(context)));
  if (!good(response.status))
    co_return base::fail(upstream_error(upstream_, response.status, response.body));
  std::string type(response.headers.get("content-type"));
  if (!type.empty() && !type.contains("json") && !type.starts_with("text/plain")) {
    co_return contract::BytesReply{.content_type = std::move(type),
                                   .bytes = std::move(response.body)};
  }
  auto body = contract::parse_json(response.body);
  if (!body) co_return base::fail(unreadable_reply(upstream_, "JSON", body.error(), response.body));
  co_return contract::JsonReply{.body = *std::move(body)};
}

void RemoteService::complete(contract::JsonRequest& request) const {
  boost::json::object* body = request.body.if_object();
  if (body == nullptr) return;
  if (!settings_.model.empty()) {
    boost::json::value& model = (*body)["model"];
    if (model.is_null() || model == "") model = settings_.model;
  }
  if (request.stream && settings_.path.ends_with("/completions") &&
      !body->contains("stream_options"))
    body->emplace("stream_options", boost::json::object{{"include_usage", true}});
}

// --- One exchange

void RemoteService::choose_model(std::string& model) const {
  if (!settings_.model.empty()) model = settings_.model;
}

http::ClientRequest RemoteService::post_request(std::string path, std::string body,
                                                const base::Context& context) const {
  http::ClientRequest request;
  request.path = std::move(path);
  request.body = std::move(body);
  // Nothing that is asked here changes anything over there: a pooled connection that the server
  // closed meanwhile costs one more connect, not an error.
  request.idempotent = true;
  request.headers.add("Content-Type", "application/json");
  if (!api_key_.empty()) request.headers.add("Authorization", "Bearer " + api_key_);
  http::tell_time_left(request.headers, context);
  return request;
}

base::Task<base::Result<std::string>> RemoteService::post(std::string body, base::Context context) {
  http::ClientRequest request = post_request(settings_.path, std::move(body), context);
  OPALINE_CO_TRY(http::ClientResponse response,
                 co_await client_.send(settings_.endpoint, std::move(request), std::move(context)));
  if (response.status != 200)
    co_return base::fail(upstream_error(upstream_, response.status, response.body));
  co_return std::move(response.body);
}

}  // namespace opaline::services
