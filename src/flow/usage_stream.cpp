#include "flow/usage_stream.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/limits.hpp"
#include "contract/chat_reply_json.hpp"
#include "contract/event_stream.hpp"
#include "contract/json.hpp"

namespace opaline::flow {
namespace {

/// Where the first event of `bytes` ends; npos when it does not.
std::size_t end_of_event(std::string_view bytes) {
  const std::size_t plain = bytes.find("\n\n");
  const std::size_t returned = bytes.find("\r\n\r\n");
  const std::size_t first = std::min(plain, returned);
  if (first == std::string_view::npos) return first;
  return first + (first == plain ? 2 : 4);
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
    if (come_.size() > limits::kEventBytes) whole += std::exchange(come_, {});
    if (!whole.empty()) co_return whole;
  }
}

std::string UsageStream::take_events() {
  std::string kept;
  std::size_t begin = 0;
  for (;;) {
    const std::string_view rest = std::string_view(come_).substr(begin);
    const std::size_t size = end_of_event(rest);
    if (size == std::string_view::npos) break;
    if (keeps(rest.substr(0, size))) kept += rest.substr(0, size);
    begin += size;
  }
  come_.erase(0, begin);
  return kept;
}

bool UsageStream::keeps(std::string_view event) {
  if (!event.contains("\"usage\"")) return true;
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
