// Everything a server can make the client read.
#include <cstdint>
#include <string>
#include <string_view>

#include "http/body_decoder.hpp"
#include "http/framing_guard.hpp"
#include "http/head.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opaline::http;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HeadScanner scanner(HeadScanner::Kind::response);
  const auto scanned = scanner.scan(bytes);
  if (!scanned || !*scanned) return 0;
  const auto head = parse_response_head(bytes.substr(0, **scanned));
  if (!head) return 0;
  const auto framing = response_framing(*head, "GET");
  if (!framing) return 0;
  bytes.remove_prefix(**scanned);
  BodyDecoder decoder(*framing);
  std::string body;
  while (!decoder.done() && !bytes.empty()) {
    const auto used = decoder.feed(bytes.substr(0, 7), body);
    if (!used) return 0;
    bytes.remove_prefix(*used);
  }
  static_cast<void>(decoder.finish());
  return 0;
}
