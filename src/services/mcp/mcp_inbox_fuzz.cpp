// Reads hostile bytes as the stream of an MCP server; messages never go anywhere but to a path of
// it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "services/mcp/mcp_inbox.hpp"

using namespace opaline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  services::McpInbox inbox({.host = "tools", .port = 8000}, "/sse");
  while (!text.empty()) {
    const std::size_t piece = std::min<std::size_t>(text.size(), 1 + text.size() / 3);
    if (!inbox.feed(text.substr(0, piece))) return 0;
    text.remove_prefix(piece);
    const std::string& path = inbox.messages_path();
    OPALINE_ASSERT(path.empty() || path.starts_with('/'));
    OPALINE_ASSERT(std::ranges::all_of(path, [](char c) { return c > 0x20 && c < 0x7f; }));
    while (inbox.next()) OPALINE_ASSERT(!path.empty());
  }
  return 0;
}
