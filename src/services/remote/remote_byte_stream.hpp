#pragma once

#include <memory>
#include <string>

#include "base/cancellation.hpp"
#include "contract/json_message.hpp"
#include "http/client.hpp"
#include "services/remote/upstream_error.hpp"

namespace opaline::services {

/// What another server streams, as it comes. Dropping it closes the connection, which tells the
/// server to stop. On the request's thread only.
class RemoteByteStream final : public contract::ByteStream {
 public:
  /// @param cancellation ends reads from `stream`; `follows` lets the caller's cancellation request
  /// it.
  RemoteByteStream(Upstream upstream, std::unique_ptr<http::ClientStream> stream,
                   std::shared_ptr<base::Cancellation> cancellation,
                   base::Cancellation::Registration follows);

  [[nodiscard]] const std::string& content_type() const override { return content_type_; }
  /// @error unavailable: the connection broke before the body's end; deadline_exceeded; cancelled.
  base::Task<base::Result<std::optional<std::string>>> next() override;

 private:
  Upstream upstream_;
  std::shared_ptr<base::Cancellation> cancellation_;
  base::Cancellation::Registration follows_;
  std::unique_ptr<http::ClientStream> stream_;
  std::string content_type_;
};

}  // namespace opaline::services
