#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contract/event_stream.hpp"

namespace opaline::flow {

/// The text that a service streams, out of the bytes of its server-sent events however they are
/// cut. An event is a chunk of OpenAI's chat or text completions, OPEA's b'…', JSON with a `text`,
/// or plain text; [DONE] ends the stream.
class EventText {
 public:
  /// @error resource_exhausted: an event is too large.
  [[nodiscard]] base::Result<void> feed(std::string_view bytes) { return parser_.feed(bytes); }
  /// The text of the next whole event, in order; nothing when more bytes are needed.
  /// @error unavailable: the server reports an error in the stream.
  [[nodiscard]] base::Result<std::optional<std::string>> next();
  [[nodiscard]] bool done() const { return done_; }  ///< [DONE] came.

 private:
  base::Result<std::string> text_of(const std::string& data);

  contract::EventParser parser_;
  bool done_ = false;
};

}  // namespace opaline::flow
