#include "flow/chat_face.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <utility>

#include "base/assert.hpp"
#include "contract/chat_json.hpp"
#include "contract/chat_reply_json.hpp"
#include "contract/json.hpp"
#include "flow/event_text.hpp"

namespace opaline::flow {
namespace json = boost::json;
namespace {

using base::Result;
using base::Task;

/// An answer that came whole where a stream was wanted.
class WholeAnswer final : public contract::ChatStream {
 public:
  explicit WholeAnswer(contract::ChatReply reply) : reply_(std::move(reply)) {}

  Task<Result<contract::ChatDelta>> next() override {
    std::string text = std::exchange(reply_.text, {});
    if (!text.empty()) co_return contract::ChatDelta{.text = std::move(text), .end = {}};
    co_return contract::ChatDelta{.text = {}, .end = std::move(reply_)};
  }

 private:
  contract::ChatReply reply_;
};

/// The events of a stream as an answer.
class EventAnswer final : public contract::ChatStream {
 public:
  explicit EventAnswer(std::unique_ptr<contract::ByteStream> stream) : stream_(std::move(stream)) {}

  Task<Result<contract::ChatDelta>> next() override {
    for (;;) {
      for (;;) {
        OPALINE_CO_TRY(std::optional<std::string> text, events_.next());
        if (!text) break;
        if (!text->empty()) co_return contract::ChatDelta{.text = *std::move(text), .end = {}};
      }
      if (events_.done()) break;
      OPALINE_CO_TRY(std::optional<std::string> bytes, co_await stream_->next());
      if (bytes) {
        OPALINE_CO_TRY_DO(events_.feed(*bytes));
      } else if (events_.whole()) {
        break;
      } else {
        co_return base::fail(base::ErrorCode::unavailable,
                             "the flow's stream ended before its answer did");
      }
    }
    co_return contract::ChatDelta{.text = {}, .end = events_.take_end()};
  }

 private:
  std::unique_ptr<contract::ByteStream> stream_;
  EventText events_;
};

contract::ChatReply reply_of(const json::value& answer) {
  const json::object* const object = answer.if_object();
  if (object != nullptr && object->contains("choices")) {
    if (auto reply = contract::read_chat_reply(json::serialize(answer))) return *std::move(reply);
  }
  contract::ChatReply reply;
  const json::value* const text = object == nullptr ? &answer : object->if_contains("text");
  reply.text = text != nullptr && text->is_string() ? std::string(text->get_string())
                                                    : json::serialize(answer);
  return reply;
}

}  // namespace

ChatFace::ChatFace(contract::Service& service) : service_(service) {
  OPALINE_ASSERT(service.kind() == contract::ServiceKind::custom);
}

Task<Result<contract::Reply>> ChatFace::call(contract::Request request, base::Context context) {
  auto* chat = std::get_if<contract::ChatRequest>(&request);
  if (chat == nullptr) {
    co_return base::fail(base::ErrorCode::invalid_argument, "a chat is expected");
  }
  const bool streams = chat->stream;
  chat->model.clear();  // The name of the flow, which its models do not have.
  OPALINE_CO_TRY(json::value body, contract::parse_json(contract::write_chat_request(
                                       *chat, contract::ChatPeer::openai)));
  if (std::string question = chat->question(); !question.empty()) {
    body.get_object().insert_or_assign("text", std::move(question));
  }
  contract::JsonRequest asked{.body = std::move(body), .stream = streams};
  OPALINE_CO_TRY(contract::Reply reply,
                 co_await service_.call(std::move(asked), std::move(context)));
  if (auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&reply)) {
    co_return contract::Reply(
        std::unique_ptr<contract::ChatStream>(std::make_unique<EventAnswer>(std::move(*stream))));
  }
  if (const auto* bytes = std::get_if<contract::BytesReply>(&reply)) {
    co_return base::fail(base::ErrorCode::failed_precondition,
                         "the flow answers with " + bytes->content_type +
                             ", which is no text; ask at its own endpoint");
  }
  const auto* whole = std::get_if<contract::JsonReply>(&reply);
  OPALINE_ASSERT(whole != nullptr);
  contract::ChatReply answer = reply_of(whole->body);
  if (!streams) co_return contract::Reply(std::move(answer));
  co_return contract::Reply(
      std::unique_ptr<contract::ChatStream>(std::make_unique<WholeAnswer>(std::move(answer))));
}

}  // namespace opaline::flow
