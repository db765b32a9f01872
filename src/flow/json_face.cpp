#include "flow/json_face.hpp"

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "base/assert.hpp"
#include "contract/chat_json.hpp"
#include "contract/chat_reply_json.hpp"
#include "contract/embedding_json.hpp"
#include "contract/json.hpp"
#include "contract/reranking_json.hpp"
#include "contract/retrieval_json.hpp"

namespace opaline::flow {
namespace json = boost::json;
namespace {

using base::Result;
using base::Task;
using contract::ServiceKind;

constexpr std::array<std::string_view, 2> kQuestionFields = {"text", "query"};

/// What a document of OPEA asks: its text, its query, or the last user message.
std::optional<std::string> question_of(const json::object& object) {
  for (const std::string_view name : kQuestionFields) {
    const json::value* text = object.if_contains(name);
    if (text != nullptr && text->is_string()) return std::string(text->get_string());
  }
  const json::value* messages = object.if_contains("messages");
  if (messages == nullptr) return {};
  return contract::question_of_messages(*messages);
}

contract::ChatEnvelope envelope_of(const contract::ChatRequest& request) {
  return {.kind = contract::ChatEnvelope::Kind::chat,
          .id = contract::new_chat_id(),
          .created = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count(),
          .model = request.model,
          .stream_usage = true};  // The run leaves it out where nobody asked for it.
}

/// OpenAI's chunks of an answer.
class ChunkStream final : public contract::ByteStream {
 public:
  ChunkStream(std::unique_ptr<contract::ChatStream> answer, contract::ChatEnvelope envelope)
      : answer_(std::move(answer)), chunks_(std::move(envelope)), opening_(chunks_.first()) {}

  [[nodiscard]] const std::string& content_type() const override { return content_type_; }
  Task<Result<std::optional<std::string>>> next() override {
    if (ended_) co_return std::nullopt;
    for (;;) {
      OPALINE_CO_TRY(contract::ChatDelta delta, co_await answer_->next());
      std::string bytes = std::exchange(opening_, {});
      if (delta.end) {
        ended_ = true;
        delta.end->text = std::move(text_);
        bytes += chunks_.last(*delta.end);
        bytes += contract::ChatChunks::kDone;
      } else if (!delta.text.empty()) {
        text_ += delta.text;
        bytes += chunks_.text(delta.text);
      }
      if (!bytes.empty()) co_return bytes;
    }
  }

 private:
  std::unique_ptr<contract::ChatStream> answer_;
  contract::ChatChunks chunks_;
  std::string opening_;
  std::string text_;
  std::string content_type_ = "text/event-stream";
  bool ended_ = false;
};

}  // namespace

JsonFace::JsonFace(contract::Service& service) : service_(service) {
  OPALINE_ASSERT(service.kind() != ServiceKind::dataprep);
  OPALINE_ASSERT(service.kind() != ServiceKind::custom);
}

Task<Result<contract::Reply>> JsonFace::call(contract::Request request, base::Context context) {
  auto* asked = std::get_if<contract::JsonRequest>(&request);
  if (asked == nullptr) {
    co_return base::fail(base::ErrorCode::invalid_argument, "a step of a JSON flow takes JSON");
  }
  json::value body;
  switch (service_.kind()) {
    case ServiceKind::embedding: {
      OPALINE_CO_TRY(body, co_await embed(std::move(asked->body), std::move(context)));
      break;
    }
    case ServiceKind::retrieval: {
      OPALINE_CO_TRY(body, co_await retrieve(json::serialize(asked->body), std::move(context)));
      break;
    }
    case ServiceKind::reranking: {
      OPALINE_CO_TRY(body, co_await rerank(json::serialize(asked->body), std::move(context)));
      break;
    }
    case ServiceKind::llm: co_return co_await chat(std::move(*asked), std::move(context));
    case ServiceKind::dataprep:
    case ServiceKind::custom: OPALINE_ASSERT(false);
  }
  co_return contract::JsonReply{.body = std::move(body)};
}

Task<Result<json::value>> JsonFace::embed(json::value body, base::Context context) {
  json::object* object = body.if_object();
  const bool plain = object == nullptr || object->contains("input") || object->contains("inputs");
  const auto question = plain ? std::nullopt : question_of(*object);
  if (!question) {
    OPALINE_CO_TRY(auto asked, contract::read_embedding_request(json::serialize(body)));
    OPALINE_CO_TRY(auto reply, co_await contract::call<contract::EmbeddingReply>(
                                   service_, std::move(asked.request), std::move(context)));
    OPALINE_CO_TRY(const std::string text, contract::write_embedding_reply(reply, asked.form));
    co_return contract::parse_json(text);
  }
  contract::EmbeddingRequest request{
      .texts = {*question}, .model = {}, .priority = contract::EmbeddingRequest::Priority::query};
  OPALINE_CO_TRY(auto reply, co_await contract::call<contract::EmbeddingReply>(
                                 service_, std::move(request), std::move(context)));
  if (reply.vectors.size() != 1) {
    co_return base::fail(base::ErrorCode::internal, "it did not answer with one vector");
  }
  json::array vector;
  vector.reserve(reply.vectors.front().size());
  for (const float number : reply.vectors.front()) vector.emplace_back(number);
  object->erase("messages");  // A document of OPEA has one text; retrieval tells the styles apart.
  object->insert_or_assign("text", *question);
  object->insert_or_assign("embedding", std::move(vector));
  co_return std::move(body);
}

Task<Result<json::value>> JsonFace::retrieve(std::string body, base::Context context) {
  OPALINE_CO_TRY(auto asked, contract::read_retrieval_request(body));
  OPALINE_CO_TRY(auto reply, co_await contract::call<contract::RetrievalReply>(
                                 service_, std::move(asked.request), std::move(context)));
  co_return contract::parse_json(contract::write_retrieval_reply(reply, asked.form));
}

Task<Result<json::value>> JsonFace::rerank(std::string body, base::Context context) {
  OPALINE_CO_TRY(auto asked, contract::read_reranking_request(body));
  OPALINE_CO_TRY(auto reply, co_await contract::call<contract::RerankingReply>(
                                 service_, std::move(asked.request), std::move(context)));
  co_return contract::parse_json(contract::write_reranking_reply(reply, asked.form));
}

Task<Result<contract::Reply>> JsonFace::chat(contract::JsonRequest request, base::Context context) {
  if (json::object* object = request.body.if_object();
      object != nullptr && !object->contains("messages") && !object->contains("prompt") &&
      !object->contains("query") && !object->contains("initial_query")) {
    if (const auto question = question_of(*object)) object->emplace("messages", *question);
  }
  OPALINE_CO_TRY(auto asked, contract::read_chat_request(json::serialize(request.body),
                                                         {.stream = request.stream}));
  asked.request.stream = request.stream;
  asked.request.model.clear();  // The flow's author chose it.
  contract::ChatEnvelope envelope = envelope_of(asked.request);
  OPALINE_CO_TRY(auto reply, co_await service_.call(std::move(asked.request), std::move(context)));
  if (const auto* whole = std::get_if<contract::ChatReply>(&reply)) {
    OPALINE_CO_TRY(json::value body,
                   contract::parse_json(contract::write_chat_reply(*whole, envelope)));
    // What other steps mostly want, where OPEA's documents have it.
    body.get_object().insert_or_assign("text", whole->text);
    co_return contract::JsonReply{.body = std::move(body)};
  }
  auto* pieces = std::get_if<std::unique_ptr<contract::ChatStream>>(&reply);
  if (pieces == nullptr) {
    co_return base::fail(base::ErrorCode::internal,
                         "the service answered with another kind of reply");
  }
  co_return contract::Reply(std::unique_ptr<contract::ByteStream>(
      std::make_unique<ChunkStream>(std::move(*pieces), std::move(envelope))));
}

}  // namespace opaline::flow
