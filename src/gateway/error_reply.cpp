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

/// What the answer of another server means for our caller; the first that has it counts.
struct UpstreamRow {
  unsigned first, last;  // Its status.
  unsigned status;
  std::string_view type;
  bool retryable;
  std::string_view retry_after;
};

constexpr std::string_view kUpstream = "upstream_error";
constexpr std::array kUpstreamTable = {
    UpstreamRow{400, 400, 400, "invalid_request_error", false, ""},
    UpstreamRow{413, 413, 400, "invalid_request_error", false, ""},
    UpstreamRow{422, 422, 422, "invalid_request_error", false, ""},
    UpstreamRow{408, 408, 504, "timeout_error", true, ""},
    UpstreamRow{429, 429, 429, "rate_limit_error", true, "1"},
    UpstreamRow{503, 503, 503, "service_unavailable_error", true, "2"},
    UpstreamRow{504, 504, 504, "timeout_error", true, ""},
    UpstreamRow{500, 599, 502, kUpstream, true, "2"},
    // Its key, path or model is configured wrong, or it talks nonsense: not the client's business.
    UpstreamRow{0, 999, 502, kUpstream, false, ""}};

const Row& row(ErrorCode code) {
  for (const Row& one : kTable) {
    if (one.code == code) return one;
  }
  OPALINE_ASSERT(false);
}

Row row(const base::Error& error) {
  // What the request itself ended is no answer of the other side's.
  const bool ours =
      error.code == ErrorCode::cancelled || error.code == ErrorCode::deadline_exceeded;
  if (error.upstream_status == 0 || ours) return row(error.code);
  for (const UpstreamRow& one : kUpstreamTable) {
    if (error.upstream_status < one.first || error.upstream_status > one.last) continue;
    return {error.code, one.status, one.type, one.retryable, one.retry_after};
  }
  OPALINE_ASSERT(false);
}

/// What OPEA says when something breaks inside.
constexpr bool unhandled(unsigned status) { return status == 500 || status == 502; }

http::Response opea_reply(unsigned status, const base::Error& error) {
  if (status == 500) {
    http::Response reply = http::Response::text(500, "Internal Server Error");
    reply.headers.set("Content-Type", "text/plain; charset=utf-8");
    return reply;
  }
  std::string body = "{\"detail\":";
  if (status == 422) {
    body += R"([{"type":"value_error","loc":["body"],"msg":)";
    base::append_json_string(body, error.message);
    body += R"(,"input":null}])";
  } else {
    base::append_json_string(body, error.message);
  }
  body += '}';
  return http::Response::json(status, std::move(body));
}

}  // namespace

unsigned status_of(const base::Error& error, ErrorShape shape) {
  const unsigned status = row(error).status;
  if (shape != ErrorShape::opea_alone) return status;
  return unhandled(status) ? 500 : error.code == ErrorCode::invalid_argument ? 422 : status;
}
unsigned status_of(ErrorCode code) { return row(code).status; }
bool retryable(const base::Error& error) { return row(error).retryable; }

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
  base::append_json_string(out, row(error).type);
  out += ",\"message\":";
  base::append_json_string(out, error.message);
  if (!error.step.empty()) {
    out += ",\"step\":";
    base::append_json_string(out, error.step);
  }
  if (error.upstream_status != 0)
    out += ",\"upstream_status\":" + std::to_string(error.upstream_status);
  out += ",\"request_id\":";
  base::append_json_string(out, request_id);
  out += ",\"retryable\":";
  out += retryable(error) ? "true" : "false";
  out += "}}";
  return out;
}

http::Response error_reply(const base::Error& error, std::string_view request_id,
                           ErrorShape shape) {
  return error_reply(status_of(error, shape), error, request_id, shape);
}

http::Response error_reply(unsigned status, const base::Error& error, std::string_view request_id,
                           ErrorShape shape) {
  auto reply = shape == ErrorShape::opea_alone
                   ? opea_reply(status, error)
                   : http::Response::json(status, error_json(error, request_id, shape));
  const Row entry = row(error);
  if (!entry.retry_after.empty()) reply.headers.set("Retry-After", std::string(entry.retry_after));
  if (status == 401) reply.headers.set("WWW-Authenticate", "Bearer");
  return reply;
}

}  // namespace opaline::gateway
