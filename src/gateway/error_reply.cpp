#include "gateway/error_reply.hpp"

#include <array>

#include "base/assert.hpp"
#include "base/json_text.hpp"

namespace opaline::gateway {
namespace {

using base::ErrorCode;

struct Row {
  ErrorCode code;
  unsigned status;
  std::string_view type;  // OpenAI's words, so that its SDKs raise the exception that fits.
  bool retryable;
  std::string_view retry_after;
};

constexpr std::array kTable = {
    Row{ErrorCode::invalid_argument, 400, "invalid_request_error", false, ""},
    Row{ErrorCode::not_found, 404, "not_found_error", false, ""},
    Row{ErrorCode::already_exists, 409, "conflict_error", false, ""},
    Row{ErrorCode::unauthenticated, 401, "authentication_error", false, ""},
    Row{ErrorCode::permission_denied, 403, "permission_error", false, ""},
    Row{ErrorCode::resource_exhausted, 429, "rate_limit_error", true, "1"},
    Row{ErrorCode::failed_precondition, 409, "conflict_error", false, ""},
    Row{ErrorCode::deadline_exceeded, 504, "timeout_error", true, ""},
    Row{ErrorCode::cancelled, 499, "cancelled_error", false, ""},
    Row{ErrorCode::unavailable, 503, "service_unavailable_error", true, "2"},
    Row{ErrorCode::internal, 500, "server_error", false, ""},
};

const Row& row(ErrorCode code) {
  for (const Row& one : kTable) {
    if (one.code == code) return one;
  }
  OPALINE_ASSERT(false);
}

}  // namespace

unsigned status_of(ErrorCode code) { return row(code).status; }
bool retryable(ErrorCode code) { return row(code).retryable; }

std::string_view logged_message(const base::Error& error) {
  if (error.code == ErrorCode::invalid_argument)
    return "the request is not valid; the reply says why";
  return error.message;
}

std::string error_json(const base::Error& error, std::string_view request_id, ErrorShape shape) {
  std::string out = "{";
  if (shape == ErrorShape::opea) {
    out += "\"detail\":";
    base::append_json_string(out, error.message);
    out += ',';
  }
  out += "\"error\":{\"code\":";
  base::append_json_string(out, base::name(error.code));
  out += ",\"type\":";
  base::append_json_string(out, row(error.code).type);
  out += ",\"message\":";
  base::append_json_string(out, error.message);
  out += ",\"request_id\":";
  base::append_json_string(out, request_id);
  out += ",\"retryable\":";
  out += retryable(error.code) ? "true" : "false";
  out += "}}";
  return out;
}

http::Response error_reply(const base::Error& error, std::string_view request_id,
                           ErrorShape shape) {
  return error_reply(status_of(error.code), error, request_id, shape);
}

http::Response error_reply(unsigned status, const base::Error& error, std::string_view request_id,
                           ErrorShape shape) {
  auto reply = http::Response::json(status, error_json(error, request_id, shape));
  const Row& entry = row(error.code);
  if (!entry.retry_after.empty()) reply.headers.set("Retry-After", std::string(entry.retry_after));
  if (status == 401) reply.headers.set("WWW-Authenticate", "Bearer");
  return reply;
}

}  // namespace opaline::gateway
