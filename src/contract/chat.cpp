#include "contract/chat.hpp"

#include <ranges>

#include "base/assert.hpp"

namespace opaline::contract {

std::string ChatRequest::question() const {
  if (prompt) return *prompt;
  for (const ChatMessage& message : messages | std::views::reverse) {
    if (message.role == "user") return message.content;
  }
  return {};
}

std::string_view name(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop: return "stop";
    case FinishReason::length: return "length";
    case FinishReason::content_filter: return "content_filter";
  }
  OPALINE_ASSERT(false);
}

}  // namespace opaline::contract
