// Everything a client can make the server read: head, framing, target, body. What we accept,
// Boost.Beast, which shares no line with our reader, must read the same way.
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/src.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "http/body_decoder.hpp"
#include "http/framing_guard.hpp"
#include "http/grammar.hpp"
#include "http/head.hpp"
#include "http/target.hpp"

namespace {

namespace beast = boost::beast;
using namespace opaline::http;

/// Beast's reading of a request.
class Oracle : public beast::http::basic_parser<true> {
 public:
  std::string method;
  std::string target;
  int version = 0;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;

 private:
  using Text = beast::string_view;
  using Code = beast::error_code;
  void on_request_impl(beast::http::verb, Text name, Text path, int number, Code&) override {
    method = name;
    target = path;
    version = number;
  }
  void on_response_impl(int, Text, int, Code&) override {}
  void on_field_impl(beast::http::field, Text name, Text value, Code&) override {
    if (!headed_) fields.emplace_back(name, value);
  }
  void on_header_impl(Code&) override { headed_ = true; }
  void on_body_init_impl(boost::optional<std::uint64_t> const&, Code&) override {}
  std::size_t on_body_impl(Text piece, Code&) override {
    body += piece;
    return piece.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text piece, Code&) override {
    body += piece;
    return piece.size();
  }
  void on_finish_impl(Code&) override {}

  bool headed_ = false;
};

struct Reading {
  bool refused = false;
  std::size_t head_bytes = 0;
  std::size_t all_bytes = 0;
  std::string body;
  bool whole = false;
};

Reading read(std::string_view bytes, std::size_t piece) {
  Reading reading;
  HeadScanner scanner(HeadScanner::Kind::request);
  for (std::size_t size = std::min(piece, bytes.size());;
       size = std::min(size + piece, bytes.size())) {
    const auto scanned = scanner.scan(bytes.substr(0, size));
    if (!scanned) return {.refused = true};
    if (*scanned) {
      reading.head_bytes = **scanned;
      break;
    }
    if (size == bytes.size()) return {};
  }
  const auto head = parse_request_head(bytes.substr(0, reading.head_bytes));
  if (!head) return {.refused = true};
  const auto framing = request_framing(*head);
  if (!framing) return {.refused = true};
  const auto target = parse_target(head->target);
  if (!target) return {.refused = true};
  OPALINE_ASSERT(target->path.starts_with('/'));
  OPALINE_ASSERT(opaline::base::is_utf8(target->path));
  OPALINE_ASSERT((target->path + "/").find("/../") == std::string::npos);
  OPALINE_ASSERT(target->path.find('\0') == std::string::npos);

  BodyDecoder decoder(*framing);
  std::size_t used = reading.head_bytes;
  while (!decoder.done() && used < bytes.size()) {
    const auto fed = decoder.feed(bytes.substr(used, piece), reading.body);
    if (!fed) return {.refused = true};
    used += *fed;
  }
  reading.all_bytes = used;
  reading.whole = decoder.done();

  if (reading.whole) {
    Oracle oracle;
    oracle.eager(true);
    oracle.header_limit(1 << 20);
    oracle.body_limit(boost::none);
    beast::error_code error;
    std::size_t theirs = 0;
    while (!oracle.is_done() && !error && theirs < used) {
      theirs += oracle.put(boost::asio::buffer(bytes.substr(theirs, used - theirs)), error);
    }
    // A target that Beast finds too odd we may still read; it says so instead of reading something
    // else.
    if (!error) {
      OPALINE_ASSERT(oracle.is_done());
      OPALINE_ASSERT(theirs == used);
      OPALINE_ASSERT(oracle.method == head->method);
      OPALINE_ASSERT(oracle.target == head->target);
      OPALINE_ASSERT(oracle.version == 10 + head->minor_version);
      OPALINE_ASSERT(oracle.fields == head->headers.fields());
      OPALINE_ASSERT(oracle.body == reading.body);
      OPALINE_ASSERT(oracle.keep_alive() == framing->keep_alive);
    }
  }
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Reading at_once = read(bytes, std::max<std::size_t>(size, 1));
  const Reading in_bytes = read(bytes, 1);
  OPALINE_ASSERT(at_once.refused == in_bytes.refused);
  OPALINE_ASSERT(at_once.body == in_bytes.body);
  OPALINE_ASSERT(at_once.all_bytes == in_bytes.all_bytes);
  OPALINE_ASSERT(at_once.whole == in_bytes.whole);
  return 0;
}
