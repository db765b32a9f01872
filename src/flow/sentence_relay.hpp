#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancellation.hpp"
#include "base/context.hpp"
#include "contract/json_message.hpp"
#include "contract/service.hpp"
#include "flow/event_text.hpp"
#include "flow/step_call.hpp"

namespace opaline::flow {

/// A streamed answer on its way through one more step: gathers the text until a sentence ends (one
/// of . ? ! 。 ， ！, or 4 KiB are there), sends it to the step as {"text": …}, and streams the
/// words of the `text` that comes back as OPEA's events: data: b'…', at the end data: [DONE]. An
/// answer that is JSON instead of a stream goes through the step as a whole. On the request's
/// thread.
class SentenceRelay final : public contract::ByteStream {
 public:
  using Clock = base::Context::Clock;

  /// The step that the answer goes through. Its timeout holds for each sentence.
  struct Step {
    StepCall call;
    std::string name;  ///< For errors.
    /// Set when the step fails, not when the answer does: how long the call that failed took.
    std::shared_ptr<std::optional<Clock::duration>> failed_after;
  };

  SentenceRelay(std::unique_ptr<contract::ByteStream> answer, Step step, base::Context context);

  [[nodiscard]] const std::string& content_type() const override { return content_type_; }
  /// @error of the answer, or of the step, led by its name; unavailable: the answer ended neither
  /// with [DONE] nor with a finish reason.
  base::Task<base::Result<std::optional<std::string>>> next() override;

 private:
  /// Into sentence_, until it ends or the stream does.
  base::Task<base::Result<void>> gather_sentence();
  /// The text of an answer that is JSON into sentence_.
  base::Task<base::Result<void>> gather_whole();
  base::Task<base::Result<std::string>> pass_on(std::string sentence);

  std::unique_ptr<contract::ByteStream> answer_;
  const Step step_;
  base::Context context_;
  std::string content_type_ = "text/event-stream";
  EventText text_;
  std::string sentence_;
  bool ended_ = false;
};

/// One text as OPEA streams it, then [DONE].
class TextStream final : public contract::ByteStream {
 public:
  explicit TextStream(std::string_view text);
  [[nodiscard]] const std::string& content_type() const override { return content_type_; }
  base::Task<base::Result<std::optional<std::string>>> next() override;

 private:
  std::optional<std::string> events_;
  std::string content_type_ = "text/event-stream";
};

}  // namespace opaline::flow
