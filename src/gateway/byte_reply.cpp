#include "gateway/byte_reply.hpp"

#include <optional>
#include <string>
#include <utility>

#include "gateway/error_reply.hpp"

namespace opaline::gateway {
namespace {

using base::Result;
using base::Task;

class StreamedBody final : public http::BodyStream {
 public:
  StreamedBody(std::unique_ptr<contract::ByteStream> stream, base::Context context,
               std::shared_ptr<QueryRecord> record)
      : stream_(std::move(stream)), context_(std::move(context)), record_(std::move(record)) {}
  ~StreamedBody() override {
    if (!ended_) context_.cancellation->request();
  }
  StreamedBody(const StreamedBody&) = delete;
  StreamedBody& operator=(const StreamedBody&) = delete;

  Task<Result<std::optional<std::string>>> next() override {
    if (ended_) co_return std::nullopt;
    auto bytes = co_await stream_->next();
    if (bytes && *bytes) {
      if (record_) record_->piece();
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
  std::unique_ptr<contract::ByteStream> stream_;
  base::Context context_;
  std::shared_ptr<QueryRecord> record_;  // Shared with the pipeline until the reply is on its way.
  bool ended_ = false;
};

}  // namespace

http::Response stream_reply(std::unique_ptr<contract::ByteStream> stream, Call call) {
  http::Response reply;
  reply.headers.set("Content-Type", stream->content_type());
  reply.headers.set("Cache-Control", "no-store");
  reply.headers.set("X-Accel-Buffering", "no");  // nginx must not hold pieces back.
  reply.stream = std::make_unique<StreamedBody>(std::move(stream), std::move(call.context),
                                                std::move(call.query));
  return reply;
}

http::Response bytes_reply(contract::BytesReply bytes) {
  http::Response reply;
  reply.headers.set("Content-Type", std::move(bytes.content_type));
  reply.body = std::move(bytes.bytes);
  return reply;
}

}  // namespace opaline::gateway
