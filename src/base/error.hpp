#pragma once

#include <string>
#include <string_view>

namespace opaline::base {

/// Why a call failed, chosen by what the caller should do next.
enum class ErrorCode {
  invalid_argument,     ///< Change the request; repeating it cannot succeed.
  not_found,            ///< The named thing does not exist.
  already_exists,       ///< The thing to be created is there already.
  unauthenticated,      ///< Say who you are.
  permission_denied,    ///< You are known, and may not.
  resource_exhausted,   ///< Wait, then retry: a limit, quota or queue is full.
  failed_precondition,  ///< Change the state first (load a model, free the port), then retry.
  deadline_exceeded,    ///< The time given was too short; the work may or may not have happened.
  cancelled,            ///< The caller left. Normal; logged at debug level.
  unavailable,          ///< Retry this call: the other side is starting, busy or gone.
  internal,             ///< Give up and report: a fault of ours.
};

/// The code's name as it stands above, e.g. "not_found".
[[nodiscard]] std::string_view name(ErrorCode code);

/// A failure as a value. `message` may reach the client and says what was wrong, where, and what to
/// do; `detail` is for the log only (paths, upstream bodies, errno).
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::string detail;
  /// Of a flow, where it failed: "retrieval", inside of another flow "outer.retrieval".
  std::string step = {};
  unsigned upstream_status = 0;  ///< The HTTP status of another server, if that was the reason.
  /// Of `unavailable`: nothing was sent, so another server may be asked the same.
  bool unsent = false;

  friend bool operator==(const Error&, const Error&) = default;
};

}  // namespace opaline::base
