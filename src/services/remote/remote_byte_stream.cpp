#include "services/remote/remote_byte_stream.hpp"

#include <utility>

namespace opaline::services {

RemoteByteStream::RemoteByteStream(Upstream upstream, std::unique_ptr<http::ClientStream> stream,
                                   std::shared_ptr<base::Cancellation> cancellation,
                                   base::Cancellation::Registration follows)
    : upstream_(std::move(upstream)),
      cancellation_(std::move(cancellation)),
      follows_(std::move(follows)),
      stream_(std::move(stream)),
      content_type_(stream_->headers().get("content-type")) {
  if (content_type_.empty()) content_type_ = "text/event-stream";
}

base::Task<base::Result<std::optional<std::string>>> RemoteByteStream::next() {
  auto bytes = co_await stream_->next();
  if (!bytes && bytes.error().code == base::ErrorCode::unavailable) {
    co_return base::fail(base::ErrorCode::unavailable,
                         upstream_.label + " broke off in the middle of an answer",
                         bytes.error().message);
  }
  co_return bytes;
}

}  // namespace opaline::services
