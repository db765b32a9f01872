#include "flow/sentence_relay.hpp"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <utility>

#include "contract/chatqna_event.hpp"
#include "flow/step_stream.hpp"

namespace opaline::flow {
namespace {

constexpr std::string_view kDone = "data: [DONE]\n\n";
// What has no end by then goes on as it is.
constexpr std::size_t kSentenceBytes = 4096;

bool ends_sentence(std::string_view text) {
  constexpr std::array<std::string_view, 6> kEnds = {".", "?", "!", "。", "，", "！"};
  return std::ranges::any_of(kEnds, [text](std::string_view end) { return text.ends_with(end); });
}

bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// The words of `text` as events, each with at most one space on either side, as OPEA cuts them.
std::string word_events(std::string_view text) {
  std::string events;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t word = at;
    while (word < text.size() && space(text[word])) ++word;
    if (word == text.size()) break;
    const std::size_t begin = word > at ? word - 1 : word;
    std::size_t end = word;
    while (end < text.size() && !space(text[end])) ++end;
    if (end < text.size()) ++end;
    events += contract::chatqna_event(text.substr(begin, end - begin));
    at = end;
  }
  return events;
}

}  // namespace

SentenceRelay::SentenceRelay(std::unique_ptr<contract::ByteStream> answer, Step step,
                             base::Context context)
    : answer_(std::move(answer)), step_(std::move(step)), context_(std::move(context)) {}

base::Task<base::Result<std::optional<std::string>>> SentenceRelay::next() {
  if (ended_) co_return std::nullopt;
  for (;;) {
    const bool whole = answer_->content_type().contains("json");
    OPALINE_CO_TRY_DO(co_await (whole ? gather_whole() : gather_sentence()));
    std::string events;
    if (!sentence_.empty()) {
      OPALINE_CO_TRY(events, co_await pass_on(std::exchange(sentence_, {})));
    }
    if (ended_) events += kDone;
    if (!events.empty()) co_return events;
  }
}

base::Task<base::Result<void>> SentenceRelay::gather_sentence() {
  while (!ended_) {
    OPALINE_CO_TRY(const std::optional<std::string> text, text_.next());
    if (text) {
      sentence_ += *text;
      ended_ = text_.done();
      if (ends_sentence(sentence_) || sentence_.size() >= kSentenceBytes) break;
      continue;
    }
    OPALINE_CO_TRY(const std::optional<std::string> bytes, co_await answer_->next());
    if (bytes) {
      OPALINE_CO_TRY_DO(text_.feed(*bytes));
      continue;
    }
    ended_ = true;
    if (text_.whole()) break;
    co_return base::fail(base::ErrorCode::unavailable, "it broke off in the middle of an answer",
                         "neither finish_reason nor [DONE], or half an event");
  }
  co_return base::Result<void>();
}

base::Task<base::Result<void>> SentenceRelay::gather_whole() {
  ended_ = true;
  OPALINE_CO_TRY(const std::string body, co_await read_all(std::move(answer_)));
  OPALINE_CO_TRY(sentence_, text_of_answer(body));
  co_return base::Result<void>();
}

base::Task<base::Result<std::string>> SentenceRelay::pass_on(std::string sentence) {
  const Clock::time_point started = Clock::now();
  const auto wrong = [this, started](base::Error error) {
    *step_.failed_after = Clock::now() - started;
    return base::fail(step_error(step_.name, std::move(error)));
  };
  boost::json::object body;
  body.emplace("text", std::move(sentence));
  contract::JsonRequest request{.body = std::move(body), .stream = false};
  auto reply =
      co_await call_step(step_.call, std::move(request), context_, step_.call.until(context_));
  if (!reply) co_return wrong(std::move(reply).error());
  const auto* answer = std::get_if<contract::JsonReply>(&*reply);
  const auto* object = answer ? answer->body.if_object() : nullptr;
  const auto* text = object ? object->if_contains("text") : nullptr;
  if (text == nullptr || !text->is_string()) {
    co_return wrong({.code = base::ErrorCode::internal,
                     .message = "its answer to a sentence has no 'text'",
                     .detail = {}});
  }
  co_return word_events(text->get_string());
}

TextStream::TextStream(std::string_view text)
    : events_(contract::chatqna_event(text) + std::string(kDone)) {}

base::Task<base::Result<std::optional<std::string>>> TextStream::next() {
  co_return std::exchange(events_, std::nullopt);
}

}  // namespace opaline::flow
