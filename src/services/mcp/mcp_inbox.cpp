#include "services/mcp/mcp_inbox.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;
using base::Result;

/// What a request line may carry.
bool is_path(std::string_view text) {
  return text.starts_with('/') && text.size() <= limits::kTargetBytes &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

}  // namespace

McpInbox::McpInbox(http::Endpoint server, std::string path)
    : server_(std::move(server)), path_(std::move(path)) {}

Result<void> McpInbox::feed(std::string_view bytes) {
  bytes_ += bytes.size();
  if (bytes_ > limits::kReplyBytes)
    return base::fail(ErrorCode::resource_exhausted, "the answer is too large");
  OPALINE_TRY_DO(parser_.feed(bytes));
  while (auto event = parser_.next()) OPALINE_TRY_DO(take(*std::move(event)));
  return {};
}

std::optional<std::string> McpInbox::next() {
  if (messages_.empty()) return {};
  std::string message = std::move(messages_.front());
  messages_.pop_front();
  return message;
}

Result<void> McpInbox::take(contract::Event event) {
  if (event.type == "endpoint" && messages_path_.empty()) {
    OPALINE_TRY(messages_path_, resolved(event.data));
    return {};
  }
  const bool message = event.type.empty() || event.type == "message";
  if (message && !event.data.empty() && !messages_path_.empty())
    messages_.push_back(std::move(event.data));
  return {};
}

Result<std::string> McpInbox::resolved(std::string_view place) const {
  std::string path(place);
  if (const auto scheme = place.find("://"); scheme < place.find('/')) {
    const std::size_t slash = std::min(place.find('/', scheme + 3), place.size());
    const auto there = http::Endpoint::parse(place.substr(0, slash));
    // The key goes where the user said, and nowhere else.
    if (!there || there->scheme != server_.scheme || there->host != server_.host ||
        there->port != server_.port) {
      return base::fail(ErrorCode::failed_precondition,
                        "the server wants its messages at another one, " + path.substr(0, 200));
    }
    path = place.substr(slash);
  } else if (place.starts_with('?')) {
    path = path_.substr(0, path_.find('?')) + path;
  } else if (!place.starts_with('/')) {
    path = path_.substr(0, path_.find('?'));
    path.resize(path.rfind('/') + 1);
    path += place;
  }
  if (!is_path(path) || path.starts_with("//")) {
    return base::fail(ErrorCode::internal, "the server does not say where its messages go");
  }
  return path;
}

}  // namespace opaline::services
