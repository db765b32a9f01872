#pragma once

#include <memory>
#include <opaline/message.hpp>
#include <optional>
#include <string>

#include "api/io_thread.hpp"
#include "api/workers.hpp"
#include "base/context.hpp"
#include "base/result.hpp"
#include "contract/json_message.hpp"

namespace opaline::detail {

/// A stream is a generator of the application's, or bytes of ours that belong to a loop.
struct StreamState {
  StreamState() = default;
  ~StreamState();
  StreamState(const StreamState&) = delete;
  StreamState& operator=(const StreamState&) = delete;

  std::string content_type;
  std::optional<Generator<std::string>> generator;
  std::shared_ptr<void> keep;       // What the bytes come from; with its other answers.
  api::IoThread* thread = nullptr;  // Of a blocking call: the loop of the bytes, kept by `keep`.
  std::unique_ptr<contract::ByteStream> bytes;
};

}  // namespace opaline::detail

namespace opaline::api {

/// @param thread null in a coroutine. @param keep lives until the stream ends.
[[nodiscard]] Stream make_stream(std::unique_ptr<contract::ByteStream> bytes, IoThread* thread,
                                 std::shared_ptr<void> keep);

/// A stream that an application's service returned, as ours. @param workers must outlive it.
/// @error failed_precondition: it came from a blocking call and belongs to another thread.
[[nodiscard]] base::Result<std::unique_ptr<contract::ByteStream>> byte_stream(Stream stream,
                                                                              base::Context context,
                                                                              Workers* workers);

}  // namespace opaline::api
