#include "flow/chat_face.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <string_view>
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
      if (events_.done()) {
        // To its end, so that what it cost is told and its connection serves the next request.
        for (auto more = co_await stream_->next(); more && *more; more = co_await stream_->next()) {
        }
        break;
      }
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

Result<json::value> value_of(std::string_view body) {
  auto value = contract::parse_json(body);
  if (value) return *std::move(value);
  return base::fail(base::ErrorCode::internal,
                    "the flow answered with neither events nor JSON where a stream was wanted");
}

contract::ChatReply reply_of(const json::value& answer) {
  if (answer.is_null()) return {};  // All steps were passed over: nothing is said.
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

Task<Result<contract::Reply>> ChatFace::ask(contract::ChatRequest request, base::Context context,
                                            contract::StepObserver observer) {
  const bool streams = request.stream;
  request.stream_usage = streams;  // What it costs is counted, whoever asks.
  request.model.clear();           // The name of the flow, which its models do not have.
  OPALINE_CO_TRY(json::value body, contract::parse_json(contract::write_chat_request(
                                       request, contract::ChatPeer::openai)));
  if (std::string question = request.question(); !question.empty()) {
    body.get_object().insert_or_assign("text", std::move(question));
  }
  contract::JsonRequest asked{
      .body = std::move(body), .stream = streams, .observer = std::move(observer)};
  OPALINE_CO_TRY(contract::Reply reply,
                 co_await service_.call(std::move(asked), std::move(context)));
  std::optional<json::value> whole;
  if (auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&reply)) {
    if ((*stream)->content_type().starts_with("text/event-stream")) {
      co_return contract::Reply(
          std::unique_ptr<contract::ChatStream>(std::make_unique<EventAnswer>(std::move(*stream))));
    }
    // Of a server that does not stream.
    OPALINE_CO_TRY(const std::string text, co_await read_all(std::move(*stream)));
    OPALINE_CO_TRY(whole, value_of(text));
  }
  if (const auto* bytes = std::get_if<contract::BytesReply>(&reply)) {
    co_return base::fail(base::ErrorCode::failed_precondition,
                         "the flow answers with " + bytes->content_type +
                             ", which is no text; ask at its own endpoint");
  }
  if (auto* json_reply = std::get_if<contract::JsonReply>(&reply)) {
    whole = std::move(json_reply->body);
  }
  OPALINE_ASSERT(whole.has_value());
  contract::ChatReply answer = reply_of(*whole);
  if (!streams) co_return contract::Reply(std::move(answer));
  co_return contract::Reply(
      std::unique_ptr<contract::ChatStream>(std::make_unique<WholeAnswer>(std::move(answer))));
}

}  // namespace opaline::flow
