#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "http/message.hpp"

namespace opaline::gateway {

/// How an error is told: `opaline` {"error":{…}}, `opea` the same with FastAPI's "detail" beside
/// it, which is what clients of OPEA's routes read; `opea_alone` as OPEA 1.5 does, without ours:
///   a request that is not valid  422 {"detail":[{"type","loc","msg","input"}]}
///   a fault, or one upstream     500 Internal Server Error, as text
///   anything else                its status and {"detail": message}
enum class ErrorShape { opaline, opea, opea_alone };

/// The HTTP status of an error: by its code, or by the status of the upstream that was the reason.
/// The tables in the source are the only place that knows.
[[nodiscard]] unsigned status_of(const base::Error& error, ErrorShape shape = ErrorShape::opaline);
/// Of an error without an upstream.
[[nodiscard]] unsigned status_of(base::ErrorCode code);
/// True when the same request may succeed later.
[[nodiscard]] bool retryable(const base::Error& error);

/// What of an error's message goes into the log: not that of a refused request, which may quote the
/// question.
[[nodiscard]] std::string_view logged_message(const base::Error& error);

/// {"error":{"code","type","message","step"?,"upstream_status"?,"request_id","retryable"}}: also an
/// event of a stream that broke.
[[nodiscard]] std::string error_json(const base::Error& error, std::string_view request_id,
                                     ErrorShape shape = ErrorShape::opaline);

/// The whole reply: status, body, and Retry-After or WWW-Authenticate where the code asks for one.
[[nodiscard]] http::Response error_reply(const base::Error& error, std::string_view request_id,
                                         ErrorShape shape = ErrorShape::opaline);
/// The same with a status that was chosen elsewhere: by the HTTP server (413, 431 …) or the router
/// (405).
[[nodiscard]] http::Response error_reply(unsigned status, const base::Error& error,
                                         std::string_view request_id,
                                         ErrorShape shape = ErrorShape::opaline);

}  // namespace opaline::gateway
