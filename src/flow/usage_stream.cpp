#include "flow/usage_stream.hpp"

#include <cstddef>
#include <string_view>
#include <utility>

#include "base/limits.hpp"
#include "contract/chat_reply_json.hpp"
#include "contract/event_stream.hpp"
#include "contract/json.hpp"

namespace opaline::flow {
namespace {

/// Whether it may tell a usage. Many servers send `"usage":null` with each token, which is none and
/// not worth parsing.
bool may_tell_usage(std::string_view event) {
  constexpr std::string_view kKey = "\"usage\"";
  for (std::size_t at = event.find(kKey); at != event.npos; at = event.find(kKey, at)) {
    at += kKey.size();
    const std::size_t value = event.find_first_not_of(" \t:", at);
    if (value != event.npos && !event.substr(value).starts_with("null")) return true;
  }
  return false;
}

}  // namespace

UsageStream::UsageStream(std::unique_ptr<contract::ByteStream> answer, Chunk chunk,
                         std::shared_ptr<std::optional<contract::Usage>> found)
    : answer_(std::move(answer)),
      chunk_(chunk),
      found_(std::move(found)),
      events_(answer_->content_type().starts_with("text/event-stream")) {}

base::Task<base::Result<std::optional<std::string>>> UsageStream::next() {
  for (;;) {
    auto bytes = co_await answer_->next();
    if (!bytes || !events_) co_return bytes;
    if (!*bytes) {
      if (come_.empty()) co_return bytes;
      co_return std::exchange(come_, {});  // It broke off inside an event.
    }
    come_ += **bytes;
    std::string whole = take_events();
    if (come_.size() > limits::kEventBytes) {
      whole += std::exchange(come_, {});
      scanned_ = 0;
      kept_ = true;
    }
    if (!whole.empty()) co_return whole;
  }
}

std::string UsageStream::take_events() {
  std::string passed;
  std::size_t begin = 0;
  while (scanned_ < come_.size()) {
    const std::string_view rest = std::string_view(come_).substr(scanned_);
    if (std::exchange(after_return_, false) && rest.front() == '\n') {
      ++scanned_;
      if (scanned_ - begin > 1) continue;
      // The end of the event before, which has gone where it goes.
      if (kept_) passed += '\n';
      begin = scanned_;
      continue;
    }
    const std::size_t end = rest.find_first_of("\r\n");
    if (end != 0) blank_ = false;
    if (end == rest.npos) {
      scanned_ = come_.size();
      break;
    }
    scanned_ += end + 1;
    after_return_ = rest[end] == '\r';
    if (!std::exchange(blank_, true)) continue;
    const std::string_view event = std::string_view(come_).substr(begin, scanned_ - begin);
    kept_ = keeps(event);
    if (kept_) passed += event;
    begin = scanned_;
  }
  come_.erase(0, begin);
  scanned_ -= begin;
  return passed;
}

bool UsageStream::keeps(std::string_view event) {
  if (!may_tell_usage(event)) return true;
  contract::EventParser parser;
  if (!parser.feed(event)) return true;
  const auto one = parser.next();
  if (!one) return true;
  const auto chunk = contract::parse_json(one->data);
  if (!chunk) return true;
  const auto usage = contract::usage_of(*chunk);
  if (!usage) return true;
  *found_ = usage;
  const auto* choices = chunk->as_object().if_contains("choices");
  const bool nothing_else =
      choices != nullptr && choices->is_array() && choices->get_array().empty();
  return chunk_ == Chunk::passed_on || !nothing_else;
}

}  // namespace opaline::flow
