#include "services/remote/upstream_error.hpp"

#include <array>
#include <optional>

#include "base/utf8.hpp"
#include "contract/json.hpp"

namespace opaline::services {
namespace {

using base::Error;
using base::ErrorCode;

std::string excerpt(std::string_view body) {
  constexpr std::size_t kBytes = 500;
  std::string text = base::to_utf8(body.substr(0, kBytes));
  if (body.size() > kBytes) text += "…";
  return text;
}

std::optional<ErrorCode> code_named(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i) {
    if (base::name(static_cast<ErrorCode>(i)) == text) return static_cast<ErrorCode>(i);
  }
  return {};
}

/// {"error": {"code": "…", "message": "…"}} as our gateway writes it.
std::optional<Error> our_error(std::string_view body) {
  const auto object = contract::parse_json_object(body);
  if (!object) return {};
  contract::Fields outer(*object);
  const auto* inner = outer.object("error");
  if (inner == nullptr) return {};
  contract::Fields fields(*inner);
  const auto name = fields.text("code");
  const auto message = fields.text("message");
  const auto code = name ? code_named(*name) : std::nullopt;
  if (!code || !message) return {};
  return Error{.code = *code, .message = *message, .detail = {}};
}

ErrorCode code_of(unsigned status) {
  switch (status) {
    case 400:
    case 413:
    case 422: return ErrorCode::invalid_argument;
    case 401:
    case 403:
    case 404:
    case 405: return ErrorCode::failed_precondition;
    case 408: return ErrorCode::unavailable;
    case 429: return ErrorCode::resource_exhausted;
    default: break;
  }
  if (status >= 500) return ErrorCode::unavailable;
  return status >= 400 ? ErrorCode::failed_precondition : ErrorCode::internal;
}

std::string_view explanation(ErrorCode code, unsigned status) {
  if (status == 401 || status == 403) return "does not accept our API key";
  if (status == 404 || status == 405) return "does not know this path or model";
  if (code == ErrorCode::invalid_argument) return "refused the request as malformed or too large";
  if (code == ErrorCode::resource_exhausted) return "is at its limit; wait and retry";
  if (code == ErrorCode::unavailable) return "failed; retry later";
  if (code == ErrorCode::failed_precondition) return "refused the request";
  return "answered with a status that makes no sense here";
}

}  // namespace

Error upstream_error(const Upstream& upstream, unsigned status, std::string_view body) {
  std::string detail = "status " + std::to_string(status) + ": " + excerpt(body);
  if (upstream.ours) {
    if (auto error = our_error(body)) {
      error->detail = std::move(detail);
      return std::move(*error);
    }
  }
  const ErrorCode code = code_of(status);
  return {.code = code,
          .message = upstream.label + " " + std::string(explanation(code, status)) + " (status " +
                     std::to_string(status) + ")",
          .detail = std::move(detail),
          .upstream_status = status};
}

Error unreadable_reply(const Upstream& upstream, std::string_view expected, const Error& why,
                       std::string_view body) {
  return {
      .code = ErrorCode::internal,
      .message = upstream.label + " answered with something that is not " + std::string(expected),
      .detail = why.message + ": " + excerpt(body)};
}

}  // namespace opaline::services
