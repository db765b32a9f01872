#include "gateway/json_service.hpp"

#include <boost/json/serialize.hpp>
#include <optional>
#include <string>
#include <utility>

#include "contract/event_stream.hpp"
#include "contract/json.hpp"
#include "gateway/error_reply.hpp"

namespace opaline::gateway {
namespace {

using base::Result;
using base::Task;

class StreamedBody final : public http::BodyStream {
 public:
  StreamedBody(std::unique_ptr<contract::ByteStream> stream, base::Context context,
               std::shared_ptr<QueryRecord> record)
      : stream_(std::move(stream)),
        context_(std::move(context)),
        record_(std::move(record)),
        events_(stream_->content_type().starts_with("text/event-stream")) {}
  ~StreamedBody() override {
    if (!ended_) context_.cancellation->request();
  }
  StreamedBody(const StreamedBody&) = delete;
  StreamedBody& operator=(const StreamedBody&) = delete;

  Task<Result<std::optional<std::string>>> next() override {
    if (ended_) co_return std::nullopt;
    auto bytes = co_await stream_->next();
    if (bytes && *bytes) {
      if (record_) count(**bytes);
      co_return bytes;
    }
    ended_ = true;
    if (bytes) {
      if (record_) record_->succeeded(200);
      co_return std::nullopt;
    }
    if (record_) record_->broke(bytes.error());
    co_return "data: " + error_json(bytes.error(), context_.request_id) + "\n\n";
  }

 private:
  /// One piece for each event that says something, however the network cut them.
  void count(std::string_view bytes) {
    if (!events_ || !parser_.feed(bytes)) {
      events_ = false;
      record_->piece();
      return;
    }
    while (const auto event = parser_.next()) {
      if (event->data != "[DONE]") record_->piece();
    }
  }

  std::unique_ptr<contract::ByteStream> stream_;
  base::Context context_;
  std::shared_ptr<QueryRecord> record_;  // Shared with the pipeline until the reply is on its way.
  bool events_;
  contract::EventParser parser_;
  bool ended_ = false;
};

http::Response streamed(std::unique_ptr<contract::ByteStream> stream, Call call) {
  http::Response reply;
  reply.headers.set("Content-Type", stream->content_type());
  reply.headers.set("Cache-Control", "no-store");
  reply.headers.set("X-Accel-Buffering", "no");  // nginx must not hold pieces back.
  reply.stream = std::make_unique<StreamedBody>(std::move(stream), std::move(call.context),
                                                std::move(call.query));
  return reply;
}

http::Response whole(contract::BytesReply bytes) {
  http::Response reply;
  reply.headers.set("Content-Type", std::move(bytes.content_type));
  reply.body = std::move(bytes.bytes);
  return reply;
}

}  // namespace

Result<contract::JsonRequest> read_json_request(std::string_view body) {
  contract::JsonRequest request;
  OPALINE_TRY(request.body, contract::parse_json(body));
  if (const boost::json::object* object = request.body.if_object()) {
    contract::Fields fields(*object);
    request.stream = fields.flag("stream").value_or(false);
    OPALINE_TRY_DO(fields.check());
  }
  return request;
}

Result<http::Response> json_service_reply(contract::Reply reply, Call call) {
  if (auto* json = std::get_if<contract::JsonReply>(&reply)) {
    return http::Response::json(200, boost::json::serialize(json->body));
  }
  if (auto* bytes = std::get_if<contract::BytesReply>(&reply)) return whole(std::move(*bytes));
  if (auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&reply)) {
    return streamed(std::move(*stream), std::move(call));
  }
  return base::fail(base::ErrorCode::internal, "the service answered with another kind of reply");
}

}  // namespace opaline::gateway
