#include <opaline/log.hpp>
#include <opaline/message.hpp>

#include "api/failure.hpp"
#include "base/log.hpp"
#include "contract/event_stream.hpp"

namespace opaline {
namespace {

[[noreturn]] void refuse(const char* wanted, const Reply& reply) {
  const char* kind = reply.is_json() ? "JSON" : reply.is_bytes() ? "bytes" : "a stream";
  throw Error(ErrorCode::failed_precondition,
              std::string("the answer is ") + kind + ", not " + wanted);
}

}  // namespace

Json& Reply::json() {
  if (!is_json()) refuse("JSON", *this);
  return std::get<Json>(content_);
}

Bytes& Reply::bytes() {
  if (!is_bytes()) refuse("bytes", *this);
  return std::get<Bytes>(content_);
}

Stream& Reply::stream() {
  if (!is_stream()) refuse("a stream", *this);
  return std::get<Stream>(content_);
}

std::string event(std::string_view data) { return contract::format_event(data); }
std::string json_event(const Json& data) { return event(boost::json::serialize(data)); }
std::string done_event() { return event("[DONE]"); }

void set_log_level(LogLevel level) { base::set_log_level(static_cast<base::LogLevel>(level)); }

}  // namespace opaline
