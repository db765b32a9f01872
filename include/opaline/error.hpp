/// @file
/// What is thrown when a call fails.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace opaline {

/// Why a call failed, chosen by what the caller should do next. Over HTTP each has its status.
enum class ErrorCode {
  invalid_argument,     ///< Change the request; repeating it cannot succeed. 400
  not_found,            ///< The named thing does not exist. 404
  already_exists,       ///< The thing to be created is there already. 409
  unauthenticated,      ///< Say who you are. 401
  permission_denied,    ///< You are known, and may not. 403
  resource_exhausted,   ///< Wait, then retry: a limit, quota or queue is full. 429
  failed_precondition,  ///< Change the state first (free the port, say), then retry. 409
  deadline_exceeded,    ///< The time given was too short. 504
  cancelled,            ///< The caller left, or asked to stop. 499
  unavailable,          ///< Retry this call: the other side is starting, busy or gone. 503
  internal,             ///< Give up and report. 500
};

/// The code's name as it stands above, e.g. "not_found".
[[nodiscard]] std::string_view name(ErrorCode code);

/// The one way in which this API fails: a function that cannot do what it is for throws it. Throw
/// it in a service or a hook of your own to choose what the client is told; any other exception is
/// logged, and the client is told that something went wrong.
class Error : public std::runtime_error {
 public:
  /// @param code what the caller should do next.
  /// @param message what was wrong, where, and what to do; it may reach the client.
  /// @param detail for the log only.
  Error(ErrorCode code, const std::string& message, std::string detail = {});
  ~Error() override;
  /// Copies.
  Error(const Error&) = default;
  /// Copies.
  Error& operator=(const Error&) = default;

  /// What the caller should do next.
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  /// For the log only; often empty.
  [[nodiscard]] const std::string& detail() const noexcept { return detail_; }

 private:
  ErrorCode code_;
  std::string detail_;
};

}  // namespace opaline
